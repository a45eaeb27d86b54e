package define_test

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// Maximum cost of reading one body. The race detector takes several times as
// long.
const (
	costCPU    = 200 * time.Millisecond
	costMemory = 50 << 20 // all allocations, which is more than is live at one time
)

type costly struct {
	nested
	Numbers []int             `json:"numbers"`
	Names   []string          `json:"names" validate:"dive,min=2"`
	Unique  []string          `json:"unique" validate:"unique"`
	Tags    map[string]string `json:"tags" validate:"dive,keys,min=2,endkeys,min=2"`
	Counts  map[string]int    `json:"counts"`
	Code    string            `json:"code" default:"a" validate:"max=63" pattern:"^([a-z0-9](-?[a-z0-9])+|a)$"`
	Choice  string            `json:"choice" default:"a" validate:"oneof=a b"`
}

// upTo repeats a text up to the maximum size of a body.
func upTo(before, text, after string) string {
	room := state.MaxBody - len(before) - len(after)
	return before + strings.Repeat(text, room/len(text)) + after
}

// numbered returns n members whose names are numbers.
func numbered(n int, prefix, value string) string {
	b := make([]byte, 0, n*(len(prefix)+len(value)+10))
	for i := range n {
		b = append(append(b, '"'), prefix...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(append(append(b, `":`...), value...), ',')
	}

	return string(b[:len(b)-1])
}

// TestParse_LimitsCPUAndMemory is not parallel, and no test runs at the same
// time, because it measures what this thread and this process use.
func TestParse_LimitsCPUAndMemory(t *testing.T) { //nolint:paralleltest // see above
	job := define.Define(define.Definition[costly]{})

	limit := costCPU
	if raceDetector {
		limit *= 15
	}

	long := strings.Repeat("k", 400_000)
	for name, body := range costlyBodies(long) {
		if len(body) > state.MaxBody {
			t.Fatalf("%s: the body has %d bytes", name, len(body))
		}

		text := []byte(body)

		var err error

		cpu, memory := costOf(func() { _, err = job.Parse(text) })
		t.Logf("%-32s %6d ms %6d KiB: %.120v", name, cpu.Milliseconds(), memory>>10, err)

		if want := overLimit[name]; want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %.120v, want %q", name, err, want)
		}

		if cpu > limit || memory > costMemory {
			t.Errorf(
				"%s: took %v of CPU and %d MiB, want at most %v and %d",
				name,
				cpu,
				memory>>20,
				limit,
				costMemory>>20,
			)
		}
	}
}

// overLimit has the errors of the bodies that hold more than is allowed.
var overLimit = map[string]string{
	"too many keys":          "more than 20000 keys of maps",
	"keys that break a rule": "more than 20000 keys of maps",
	"wrong items":            "more than 100000 values",
	"objects side by side":   "more than 100000 values",
	"strings with U+0000":    "more than 100000 values",
	"deep arrays":            "nested deeper than 32",
	"deep objects":           "nested deeper than 32",
}

func costlyBodies(long string) map[string]string {
	items := strings.TrimSuffix(strings.Repeat(`"x",`, 99_000), ",")

	return map[string]string{
		"wrong items":                upTo(`{"numbers":[`, `"",`, `1]}`),
		"wrong items, below a limit": `{"numbers":[` + items + `]}`,
		"items that break a rule":    `{"container":"c","names":[` + items + `]}`,
		"repeated items":             `{"container":"c","unique":[` + items + `]}`,
		"objects of defaults":        `{"container":"c","also":[` + strings.Repeat(`{},`, 24_000) + `{}]}`,
		"objects that break a rule": `{"container":"c","also":[` + strings.Repeat(
			`{"prefix":""},`,
			24_000,
		) + `{}]}`,
		"unknown keys":              `{` + numbered(90_000, "k", "0") + `}`,
		"keys that break a rule":    `{"container":"c","tags":{` + numbered(90_000, "", `""`) + `}}`,
		"valid keys":                `{"container":"c","counts":{` + numbered(20_000, "", "100") + `}}`,
		"too many keys":             `{"container":"c","counts":{` + numbered(60_000, "", "100") + `}}`,
		"one key again and again":   upTo(`{`, `"numbers":[],`, `"numbers":[]}`),
		"one unknown key again":     `{` + strings.Repeat(`"x":1,`, 99_000) + `"x":1}`,
		"deep arrays":               upTo(`{"numbers":`, `[`, ``),
		"deep objects":              upTo(`{"numbers":`, `{"a":`, ``),
		"objects side by side":      upTo(`{"numbers":[`, `[[]],`, `1]}`),
		"a huge number":             upTo(`{"numbers":[`, `1`, `]}`),
		"a huge exponent":           upTo(`{"weights":[1e`, `9`, `]}`),
		"a huge fraction":           upTo(`{"weights":[0.`, `1`, `]}`),
		"a huge string":             upTo(`{"code":"`, `a`, `"}`),
		"a huge string, escaped":    upTo(`{"note":"`, `\u0001`, `"}`),
		"a huge choice":             upTo(`{"choice":"`, `\t`, `"}`),
		"a huge time":               upTo(`{"since":"`, `1`, `"}`),
		"a huge host":               upTo(`{"host":"`, `1:`, `"}`),
		"a huge unknown key":        upTo(`{"`, `k`, `":1}`),
		"problems below a huge key": `{"labels":{"` + long + `":1,"` + long + `x":[` + items[:1003] + `]}}`,
		"strings with U+0000":       upTo(`{"names":[`, `"\u0000",`, `""]}`),
		"U+0000 below a huge key":   `{"` + long + `":[` + strings.Repeat(`"\u0000",`, 60_000) + `1]}`,
		"spaces":                    upTo(`{`, ` `, `}`),
		"valid numbers":             `{"container":"c","numbers":[` + strings.Repeat(`1,`, 99_000) + `1]}`,
		"valid strings": `{"container":"c","names":[` + strings.ReplaceAll(
			items,
			"x",
			"xyz",
		) + `]}`,
	}
}

// costOf returns the CPU time of this thread and the bytes that a call
// allocates.
func costOf(do func()) (time.Duration, uint64) {
	runtime.LockOSThread()

	defer runtime.UnlockOSThread()

	runtime.GC()

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)

	begin := threadTime()

	do()

	cpu := threadTime() - begin

	runtime.ReadMemStats(&after)

	return cpu, after.TotalAlloc - before.TotalAlloc
}

func threadTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD

	var usage syscall.Rusage
	if err := syscall.Getrusage(thread, &usage); err != nil {
		return 0
	}

	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func TestParse_StopsWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	job := define.Define(define.Definition[costly]{})
	for _, body := range []string{
		`{"numbers":[` + strings.Repeat(`1,`, 5000) + `1]}`,
		`{"names":[` + strings.Repeat(`"x",`, 5000) + `"x"]}`,
	} {
		if _, err := job.ParseContext(ctx, []byte(body)); state.CodeOf(err) != state.CodeUnavailable {
			t.Errorf("%.40s: got %v, want an error with %q", body, err, state.CodeUnavailable)
		}
	}

	if _, err := job.ParseContext(ctx, []byte(`{"container":"c"}`)); err != nil {
		t.Errorf("short body: %v", err)
	}
}
