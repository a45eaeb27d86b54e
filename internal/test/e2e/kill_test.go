package e2e_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// The gate jobs have two stages. The handlers of the first one log that they
// started, wait until a file exists, and return a random token. The tasks of
// the second one quote the token of their predecessor.
type gateParams struct {
	N int `json:"n" default:"1" validate:"min=1,max=100000"`
}

type gateToken struct {
	Token string `json:"token"`
}

const (
	gateHold  handlers.TaskType[struct{}, gateToken] = "gate_hold"
	gateQuote handlers.TaskType[struct{}, gateToken] = "gate_quote"
)

var gateJobs = map[string]define.Job{
	"gate": define.Define(define.Definition[gateParams]{
		Description: "waits at a gate",
		Stages: []define.Stage[gateParams]{
			{
				Name:   "hold",
				Tasks:  define.Dynamic(gateHold, "n", func(gateParams, int) struct{} { return struct{}{} }),
				Bundle: 1,
			},
			{
				Name: "quote",
				Tasks: define.MatchPrevious(
					gateQuote,
					func(gateParams, int) struct{} { return struct{}{} },
				),
				UsesLineage: true,
			},
		},
	}),
}

var gateHandlers = map[string]handlers.Handler{
	"gate_hold":  handlers.Func(hold),
	"gate_quote": handlers.Func(quote),
}

func hold(ctx context.Context, t handlers.Task, _ struct{}) (gateToken, error) {
	token := gateToken{rand.Text()}

	f, err := os.OpenFile(os.Getenv("GATE_LOG"), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return token, err
	}

	_, err = fmt.Fprintf(
		f,
		"%d %d %d %s\n",
		os.Getpid(),
		t.Index,
		t.Attempt,
		token.Token,
	) // one write, so that lines are not interleaved
	if err := f.Close(); err != nil {
		return token, err
	}

	if err != nil {
		return token, err
	}

	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()

	for {
		if _, err := os.Stat(os.Getenv("GATE_OPEN")); err == nil {
			return token, nil
		}

		select {
		case <-tick.C:
		case <-ctx.Done():
			return token, ctx.Err()
		}
	}
}

func quote(ctx context.Context, t handlers.Task, _ struct{}) (gateToken, error) {
	return handlers.Predecessor[gateToken](ctx, t)
}

// started reads the log of the handlers: lines of pid, index, attempt and
// token.
func started(t *testing.T, file string) (lines [][4]string) {
	t.Helper()

	b, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}

	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 4 {
			lines = append(lines, [4]string(f))
		}
	}

	return lines
}

func TestAttemptsOfKilledHandlerRunAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log, gate := filepath.Join(dir, "log"), filepath.Join(dir, "open")
	h := startHosted(t, "GATE_LOG="+log, "GATE_OPEN="+gate)

	const n = 60

	id := h.submit(t, "gate", fmt.Sprintf(`{"n":%d}`, n))
	waitFor(t, time.Minute, "50 attempts run", func() bool { return len(started(t, log)) >= 50 })
	before := len(started(t, log))

	pid := h.host.HandlerPID()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	waitFor(t, 2*time.Minute, "the job ends", func() bool { return h.status(t, id).Ended() })

	if got := h.status(t, id); got != state.JobCompleted {
		t.Fatalf("the job is %s", got)
	}

	var lost int
	if err := h.pool.QueryRow(t.Context(), `select count(*) from attempts where outcome = 'lost'`).
		Scan(&lost); err != nil {
		t.Fatal(err)
	}

	if lost < 50 || lost > n {
		t.Errorf("%d attempts were lost; %d had started before the kill", lost, before)
	}

	mustQuoteStoredTokens(t, h, id, log, n)
}

// mustQuoteStoredTokens checks that every successor quotes the stored token,
// and that a handler logged each stored token once.
func mustQuoteStoredTokens(t *testing.T, h *hosted, id state.JobID, log string, n int) {
	t.Helper()

	byToken := map[string]bool{}
	for _, line := range started(t, log) {
		byToken[line[3]] = true
	}

	rows, err := h.pool.Query(
		t.Context(),
		`select a.index, a.result, b.result from tasks a join tasks b using (job_id, gen, index)
		where a.job_id = $1 and a.stage = 0 and b.stage = 1 order by 1`,
		id[:],
	)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()

	count := 0

	for rows.Next() {
		var (
			index        int
			held, quoted []byte
		)
		if err := rows.Scan(&index, &held, &quoted); err != nil {
			t.Fatal(err)
		}

		var a, b gateToken
		if json.Unmarshal(held, &a) != nil || json.Unmarshal(quoted, &b) != nil || a != b ||
			!byToken[a.Token] {
			t.Errorf("task %d: stored %s, quoted %s, started %t", index, held, quoted, byToken[a.Token])
		}

		count++
	}

	if err := rows.Err(); err != nil || count != n {
		t.Errorf("%d pairs of tasks, want %d; %v", count, n, err)
	}
}
