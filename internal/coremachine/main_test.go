package coremachine_test

import (
	"testing"

	"coremachine/internal/test/pgtest"
)

// parallelTests is above the number of processors because the tests mostly wait
// for leases, timers and the database.
const parallelTests = 4

func TestMain(m *testing.M) {
	pgtest.WaitBound(parallelTests)
	pgtest.Main(m)
}
