// Package enginetest runs jobs in a unit test: the real engine, the real local
// queue and a real Postgres schema of the test's own, in one or several
// processes' worth of pools.
//
//	e := enginetest.Start(t, enginetest.Options{Jobs: jobs.All, Handlers: handlers.All}) // after InBothModes
//	job := e.Run("hello_world", `{"n":3}`)
//	job.MustBe(t, state.JobCompleted)
//	job.Stage(t, "reply").MustHave(t, 3, 0)
//
// A test runs in both modes of dispatch: see InBothModes. Start returns when
// every process may claim work.
//
// It owns what it starts and stops it with the test. Crash, duplicate and
// reorder are what the engine makes of them: nothing here is faked.
//
// Only tests and benchmarks import it; it may import everything but app.
package enginetest
