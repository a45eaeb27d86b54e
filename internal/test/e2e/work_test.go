package e2e_test

import "coremachine/internal/test/worktest"

// The jobs and helpers of worktest, under the names that the tests of this
// package use.
type (
	workIn  = worktest.In
	workOut = worktest.Out
	params  = worktest.Params
)

var (
	handlersOf        = worktest.HandlersOf
	single            = worktest.Single
	dynamic           = worktest.Dynamic
	follow            = worktest.Follow
	jobOf             = worktest.JobOf
	tolerant          = worktest.Tolerant
	start             = worktest.Start
	query             = worktest.Query
	mustCount         = worktest.MustCount
	until             = worktest.Until
	modeOf            = worktest.ModeOf
	shortLease        = worktest.ShortLease
	errConnectionLost = worktest.ErrConnectionLost
)
