package pglocal

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// userEnv makes the test binary a user of the cluster in that directory,
// instead of running tests. It starts the cluster, reports that, and waits to
// be killed.
const userEnv = "PGLOCAL_TEST_USER_OF"

func TestMain(m *testing.M) {
	if dir := os.Getenv(userEnv); dir != "" {
		useUntilKilled(dir)
	}

	goleak.VerifyTestMain(m)
}
