package pglocal

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// userEnv makes the test binary a user of a cluster instead of a test run: it
// starts the cluster of that folder, says so, and waits to be killed.
const userEnv = "PGLOCAL_TEST_USER_OF"

func TestMain(m *testing.M) {
	if dir := os.Getenv(userEnv); dir != "" {
		useUntilKilled(dir)
	}

	goleak.VerifyTestMain(m)
}
