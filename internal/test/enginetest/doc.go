// Package enginetest runs jobs in a test with the real engine, the real local
// queue and a fresh schema of a real Postgres. An Engine simulates one or
// several processes, each with its own pool.
//
//	// after InBothModes
//	e := enginetest.Start(t, enginetest.Options{Jobs: jobs.All, Handlers: handlers.All})
//	job := e.Run("hello_world", `{"n":3}`)
//	job.MustBe(t, state.JobCompleted)
//	job.Stage(t, "reply").MustHave(t, 3, 0)
//
// A test runs in both modes of dispatch: see InBothModes. Start returns when
// every process may claim work.
//
// It owns what it starts and stops it with the test. Crashes, duplicates and
// reordering behave as in the engine, since nothing here is faked.
//
// Only tests and benchmarks import it. It may import everything but app.
package enginetest
