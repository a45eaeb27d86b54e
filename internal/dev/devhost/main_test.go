package devhost_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is also the handler: the host starts this binary as its child, with
// the variable set.
func TestMain(m *testing.M) {
	if mode := os.Getenv("DEVHOST_TEST_HANDLER"); mode != "" {
		os.Exit(handlerMain(mode))
	}

	goleak.VerifyTestMain(m)
}
