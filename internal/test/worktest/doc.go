// Package worktest has the jobs and helpers that the tests of several packages
// share: stages of each kind over one task type, whose function each test
// supplies, and waiting, counting and repairing on an enginetest.Engine.
//
// It owns nothing: what it starts ends with the test. Crashes, duplicates and
// reordering behave as in the engine, since nothing here is faked.
//
// Only tests import it. It may import enginetest, pgtest, the engine, its
// definitions and repo.
package worktest
