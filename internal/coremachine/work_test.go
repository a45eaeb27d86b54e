package coremachine_test

import "coremachine/internal/test/worktest"

// The jobs and helpers of worktest, under the names that the tests of this
// package use.
type (
	workIn          = worktest.In
	workOut         = worktest.Out
	params          = worktest.Params
	externalService = worktest.ExternalService
)

const work = worktest.Work

var (
	echo              = worktest.Echo
	handlersOf        = worktest.HandlersOf
	single            = worktest.Single
	dynamic           = worktest.Dynamic
	follow            = worktest.Follow
	fanIn             = worktest.FanIn
	spread            = worktest.Spread
	jobOf             = worktest.JobOf
	tolerant          = worktest.Tolerant
	start             = worktest.Start
	query             = worktest.Query
	mustCount         = worktest.MustCount
	exec              = worktest.Exec
	makeDue           = worktest.MakeDue
	sweep             = worktest.Sweep
	until             = worktest.Until
	modeOf            = worktest.ModeOf
	shortLease        = worktest.ShortLease
	shortGrace        = worktest.ShortGrace
	errConnectionLost = worktest.ErrConnectionLost
	retryJob          = worktest.RetryJob
	rerun             = worktest.Rerun
	startFailing      = worktest.StartFailing
	wantCode          = worktest.WantCode
	reclaimAll        = worktest.ReclaimAll
	submitMany        = worktest.SubmitMany
)
