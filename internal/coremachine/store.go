package coremachine

// Store is the storage of an engine. Each part of the engine declares the
// methods that it calls in its own file, in a small interface; Store is their
// sum, for the Config. internal/repo implements it, and tests put a
// fault-injecting one before it.
//
// Every method that changes state is one transaction, and may be repeated
// blindly after a lost answer.
type Store interface {
	Submitter
	JobCreator
	Delayer
	Tagger
	Planner
	Deferrer
	Claimer
	Releaser
	BundleReader
	TaskStore
	Completer
	Finisher
	FinallyStarter
	Canceller
	Stopper
	Retrier
	RetryExpander
	Parker
	Leaser
	Renewer
	WorkerReleaser
	ProgressWriter
	Reclaimer
	DurationSharer
	ResultReader
	Scheduler
	ScheduleOperator
	Sweeper
	Purger
	InputReader
}
