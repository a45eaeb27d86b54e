package coremachine_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/coremachine"
	"coremachine/internal/jobs/define"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

// sentStatements lists the statements of a process, BEGIN and COMMIT included.
type sentStatements struct {
	mu   sync.Mutex
	sent []string
}

func (s *sentStatements) TraceQueryStart(
	ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData,
) context.Context {
	s.add(q.SQL)
	return ctx
}

func (*sentStatements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (*sentStatements) TraceBatchStart(
	ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData,
) context.Context {
	return ctx
}

func (s *sentStatements) TraceBatchQuery(_ context.Context, _ *pgx.Conn, q pgx.TraceBatchQueryData) {
	s.add(q.SQL)
}

func (*sentStatements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (s *sentStatements) add(sql string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.sent = append(s.sent, sql)
}

// take returns the statements since the last call.
func (s *sentStatements) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()

	sent := s.sent
	s.sent = nil

	return sent
}

// TestSmallJobTakesAStatementAStage counts the statements of jobs whose stages
// have one task, and ten: one for the submit, and one for the end of each stage.
// The numbers are bounds: lower them when a job needs fewer statements.
func TestSmallJobTakesAStatementAStage(t *testing.T) {
	t.Parallel()

	const statements = 3

	var sent sentStatements

	r, err := repo.Open(t.Context(), repo.Config{
		URL: pgtest.URL(t),
		BeforeConnect: func(_ context.Context, c *pgx.ConnConfig) error {
			c.Tracer = &sent
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()

	ended := make(chan state.JobID, 1)
	m := coremachine.New(coremachine.Config{
		Jobs: map[string]define.Job{"job": jobOf(
			define.Stage[params]{Name: "first", Tasks: dynamic(), Bundle: 10},
			define.Stage[params]{Name: "second", Tasks: follow(), Bundle: 10},
		)},
		Handlers: handlersOf(echo),
		Store:    r,
		Log:      slog.New(slog.DiscardHandler),
		Wake:     func(state.Queue) {},
		JobEnded: func(id state.JobID) { ended <- id },
	})
	m.EnableLocalDispatch()
	m.Start(t.Context())
	t.Cleanup(func() { _ = m.Stop(context.WithoutCancel(t.Context())) })
	until(t, "the process has a lease", m.Ready)

	for _, n := range []int{1, 10} {
		var fewest []string

		// Not each job shows it: the process renews its lease and looks for lost
		// work meanwhile, and on a busy machine the tasks of a stage end one by one.
		busy := time.After(pgtest.Patience(t, time.Minute))

		for seed := 0; ; seed++ {
			sent.take()

			body := fmt.Appendf(nil, `{"n":%d,"seed":%d}`, n, seed)
			if _, err := m.Submit(t.Context(), coremachine.SubmitRequest{Type: "job", Body: body}); err != nil {
				t.Fatal(err)
			}

			<-ended

			if got := sent.take(); fewest == nil || len(got) < len(fewest) {
				fewest = got
			}

			if fewest != nil && len(fewest) <= statements {
				break
			}

			select {
			case <-busy:
				t.Fatalf("a job of %d tasks a stage took %d statements, want at most %d:\n%s",
					n, len(fewest), statements, strings.Join(fewest, "\n---\n"))
			default:
			}
		}
	}
}
