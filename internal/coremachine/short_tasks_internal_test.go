package coremachine

import (
	"testing"
	"time"
)

// TestBundleIsShortIfItsOwnTasksAre ends tasks of a bundle whose type has no
// estimate.
func TestBundleIsShortIfItsOwnTasksAre(t *testing.T) {
	t.Parallel()

	const quick, slow = 20 * time.Microsecond, 5 * time.Millisecond

	tests := []struct {
		name        string
		quick, slow int
		disabled    bool
		want        bool
	}{
		{"too few have ended", shortStarts - 1, 0, false, false},
		{"all were short", shortStarts, 0, false, true},
		{"some waited for a CPU", 3 * shortStarts, shortStarts, false, true},
		{"half were not short", shortStarts, shortStarts, false, false},
		{"none was short", 0, 4 * shortStarts, false, false},
		{"turned off", shortStarts, 0, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			b := &bundle{m: &Machine{durations: durations{disabled: tt.disabled}}}
			b.ends.tasks = 1000

			for range tt.slow {
				b.addEnd(nil, slow)
			}

			for range tt.quick {
				b.addEnd(nil, quick)
			}

			if got := b.short(); got != tt.want {
				t.Errorf("short is %t after %d short and %d slow tasks", got, tt.quick, tt.slow)
			}
		})
	}
}
