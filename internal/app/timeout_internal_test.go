package app

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"coremachine/internal/config"
	"coremachine/internal/jobs/define"
)

// TestFunctionTimeoutIsOneValue compares the functionTimeout of host.json, the
// default of the setting and the value with which the tests check jobs.
func TestFunctionTimeoutIsOneValue(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile("../../host.json")
	if err != nil {
		t.Fatal(err)
	}

	var host struct{ FunctionTimeout string }
	if err := json.Unmarshal(text, &host); err != nil {
		t.Fatal(err)
	}

	var hours, minutes, seconds int
	if _, err := fmt.Sscanf(host.FunctionTimeout, "%d:%d:%d", &hours, &minutes, &seconds); err != nil {
		t.Fatal(err)
	}

	got := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second
	if got != define.FunctionTimeout {
		t.Errorf("the functionTimeout of host.json is %s, want %s", got, define.FunctionTimeout)
	}

	c, err := config.Load(map[string]string{})
	if err != nil || c.FunctionTimeout != define.FunctionTimeout {
		t.Errorf("the default of FUNCTION_TIMEOUT is %s, %v; want %s", c.FunctionTimeout, err, define.FunctionTimeout)
	}
}
