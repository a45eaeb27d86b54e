package telemetry_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"coremachine/internal/telemetry"
	"coremachine/internal/telemetry/keys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewLogger(t *testing.T) {
	t.Parallel()

	t.Run("JSONRecordIsOneLine", func(t *testing.T) {
		t.Parallel()

		var out bytes.Buffer
		telemetry.NewLogger(&out, "info", "json").Info("two\nlines", keys.JobID, "a\nb")

		if got := strings.Count(out.String(), "\n"); got != 1 {
			t.Errorf("lines: got %d, want 1: %q", got, out.String())
		}

		var record map[string]any
		if err := json.Unmarshal(out.Bytes(), &record); err != nil {
			t.Fatal(err)
		}

		if got, want := record[keys.JobID], "a\nb"; got != want {
			t.Errorf("%s: got %v, want %q", keys.JobID, got, want)
		}
	})

	for level, want := range map[string]int{"debug": 4, "info": 3, "WARN": 2, "error": 1, "loud": 3, "": 3} {
		t.Run("Level "+level, func(t *testing.T) {
			t.Parallel()

			var out bytes.Buffer

			log := telemetry.NewLogger(&out, level, "text")
			log.Debug("a record")
			log.Info("a record")
			log.Warn("a record")
			log.Error("a record")

			if got := strings.Count(out.String(), "a record"); got != want {
				t.Errorf("records: got %d, want %d", got, want)
			}
		})
	}
}
