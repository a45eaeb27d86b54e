// Package coremachinetest is the test kit for projects that use the engine from
// their own repository. It runs jobs on the real engine, the real local queue
// and a fresh schema of a real Postgres:
//
//	func TestMain(m *testing.M) { coremachinetest.Main(m) }
//
//	func TestWordCount(t *testing.T) {
//		e := coremachinetest.Start(t, jobs.All, handlers.All)
//		e.Run("word_count", `{"texts": ["a b"]}`).MustBe(t, coremachinetest.Completed)
//	}
//
// The tests find or start a Postgres server; DATABASE_URL names another one.
// Everything stops with the test. Crash, duplicate and reordering are handled by
// the engine: only storage can be a fake, which enforces the limits of Azure.
//
// It may import the public API, api, handlers, state, test/blobfake,
// test/enginetest and test/pgtest.
package coremachinetest
