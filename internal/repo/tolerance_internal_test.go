package repo

import (
	"strings"
	"testing"
)

func TestAStageFailsWithTheFirstTaskOverItsTolerance(t *testing.T) {
	t.Parallel()

	s := stageRow{name: "tiles", total: 100, tolerance: 0.29, failed: 29}
	if s.failing() {
		t.Error("29 failed tasks of 100 fail a stage that tolerates 0.29")
	}

	s.failed = 30
	if !s.failing() {
		t.Error("30 failed tasks of 100 do not fail a stage that tolerates 0.29")
	}

	if got := tooMany(&s); !strings.Contains(got, "30 of 100") || !strings.Contains(got, "29 (29 %)") {
		t.Errorf("the failure says %q, want how many it tolerates", got)
	}
}
