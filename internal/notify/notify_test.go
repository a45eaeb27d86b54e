package notify_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"coremachine/internal/notify"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/webhook"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// world is a schema with a receiver, and the notifiers of two processes.
type world struct {
	t        *testing.T
	pool     *pgxpool.Pool
	receiver *httptest.Server
	answer   atomic.Int64 // the status that the receiver answers
	got      chan request
}

type request struct {
	header http.Header
	body   []byte
}

func newWorld(t *testing.T) *world {
	t.Helper()

	w := &world{t: t, pool: pgtest.Schema(t), got: make(chan request, 100)}
	w.answer.Store(http.StatusOK)
	w.receiver = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.got <- request{r.Header, body}

		rw.WriteHeader(int(w.answer.Load()))
	}))
	t.Cleanup(w.receiver.Close)

	return w
}

// run starts the notifiers and returns the verifier of their signatures.
func (w *world) run() *standardwebhooks.Webhook {
	w.t.Helper()

	key := make([]byte, 32)
	_, _ = rand.Read(key)
	secret := base64.StdEncoding.EncodeToString(key)

	hosts, err := webhook.ParseHosts("127.0.0.1")
	if err != nil {
		w.t.Fatal(err)
	}

	sender, err := webhook.NewSender(hosts, secret)
	if err != nil {
		w.t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)

	for range 2 {
		go func() {
			notify.New(repo.New(w.pool), sender, slog.New(slog.DiscardHandler)).Run(ctx)

			done <- struct{}{}
		}()
	}

	w.t.Cleanup(func() {
		cancel()
		<-done
		<-done
	})

	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		w.t.Fatal(err)
	}

	return verifier
}

// end inserts a running job with a callback URL and ends it.
func (w *world) end() state.JobID {
	w.t.Helper()

	id := rows.Insert(w.t, w.pool, rows.Job{Seed: rand.Text()})
	w.exec(`update jobs set status = 'running', started_at = now(), finished_at = null, result = null,
		callback_url = $2 where job_id = $1`, id[:], w.receiver.URL+"/hook")
	w.exec(`update jobs set status = 'failed', error = '{"code": "tasks_failed", "message": "two of three"}',
		finished_at = now() where job_id = $1`, id[:])

	return id
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()

	if _, err := w.pool.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// until waits for a condition on the notification rows.
func (w *world) until(condition string) {
	w.t.Helper()

	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()

	for limit := time.Now().Add(pgtest.Patience(w.t, time.Minute)); ; <-look.C {
		var ok bool
		if err := w.pool.QueryRow(w.t.Context(), "select exists (select from notifications where "+condition+")").
			Scan(&ok); err != nil {
			w.t.Fatal(err)
		}

		if ok {
			return
		}

		if time.Now().After(limit) {
			w.t.Fatalf("no notification has %s", condition)
		}
	}
}

func (w *world) events() (kinds []string) {
	w.t.Helper()

	rows, err := w.pool.Query(w.t.Context(), `select kind || ' ' || (detail->>'tries') from events
		where kind like 'notification%' order by event_id`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()

	for rows.Next() {
		var kind string
		if err := rows.Scan(&kind); err != nil {
			w.t.Fatal(err)
		}

		kinds = append(kinds, kind)
	}

	return kinds
}

func TestAReceiverThatRecoversGetsTheSameEvent(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.answer.Store(http.StatusInternalServerError)

	id := w.end()
	verifier := w.run()

	first := <-w.got
	w.until("tries = 1 and error = 'the receiver answered 500' and due_at > now() + interval '4 seconds'")
	w.answer.Store(http.StatusNoContent)
	w.exec("update notifications set due_at = now()")

	second := <-w.got
	w.until("delivered_at is not null and tries = 2 and error is null")

	for _, r := range []request{first, second} {
		if err := verifier.Verify(r.body, r.header); err != nil {
			t.Errorf("the signature: %v", err)
		}
	}

	if string(first.body) != string(second.body) || first.header.Get("Webhook-Id") != second.header.Get("Webhook-Id") {
		t.Errorf("the repeat differs: %s, %s", first.body, second.body)
	}

	var event struct {
		ID, Type, Subject string
		Data              struct {
			JobID   string `json:"job_id"`
			Status  string
			Attempt int
			Error   struct{ Code, Message string }
		}
	}
	if err := json.Unmarshal(second.body, &event); err != nil {
		t.Fatal(err)
	}

	if event.Type != webhook.TypeJobEnded || event.Subject != id.String() || event.Data.JobID != id.String() ||
		event.Data.Status != "failed" || event.Data.Attempt != 1 || event.Data.Error.Code != "tasks_failed" {
		t.Errorf("the event is %s", second.body)
	}

	if got := w.events(); len(got) != 1 || got[0] != "notification_delivered 2" {
		t.Errorf("the events are %q", got)
	}
}

func TestANotificationIsSentOnceByTwoProcesses(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.run()

	const jobs = 20
	for range jobs {
		w.end()
	}

	w.until("true having count(delivered_at) = 20")

	if len(w.got) != jobs {
		t.Errorf("the receiver got %d events, want %d", len(w.got), jobs)
	}
}

func TestANotificationIsGivenUp(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		status int
		age    string
		want   string
	}{
		"AfterADay":        {http.StatusInternalServerError, "25 hours", "the receiver answered 500"},
		"WhenItIsUnwanted": {http.StatusGone, "0 hours", "the receiver answered 410: it wants no more events"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t)
			w.answer.Store(int64(c.status))
			w.end()
			w.exec("update notifications set created_at = now() - $1::interval", c.age)
			w.run()
			w.until("failed_at is not null and error = '" + c.want + "'")

			if got := w.events(); len(got) != 1 || got[0] != "notification_failed 1" {
				t.Errorf("the events are %q", got)
			}
		})
	}
}

// TestOnlyTheLastSenderRecords takes a notification from a process that was
// slow.
func TestOnlyTheLastSenderRecords(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	r := repo.New(w.pool)
	w.end()

	take := func() state.Notification {
		due, err := r.ClaimNotifications(t.Context(), 8, time.Minute)
		if err != nil || len(due) != 1 {
			t.Fatalf("took %v, %v", due, err)
		}

		return due[0]
	}

	slow := take()

	if due, err := r.ClaimNotifications(t.Context(), 8, time.Minute); err != nil || len(due) != 0 {
		t.Fatalf("another process took %v, %v, while the lock holds", due, err)
	}

	w.exec("update notifications set due_at = now()")

	last := take()

	for name, record := range map[string]func(state.Notification) (bool, error){
		"delay": func(n state.Notification) (bool, error) {
			return r.DelayNotification(t.Context(), n, time.Hour, "x")
		},
		"end": func(n state.Notification) (bool, error) { return r.EndNotification(t.Context(), n, "", "") },
	} {
		if landed, err := record(slow); err != nil || landed {
			t.Errorf("%s by the slow process: %t, %v", name, landed, err)
		}
	}

	if landed, err := r.EndNotification(t.Context(), last, "host", ""); err != nil || !landed {
		t.Errorf("end by the last process: %t, %v", landed, err)
	}

	if landed, err := r.EndNotification(t.Context(), last, "host", ""); err != nil || landed {
		t.Errorf("a second end: %t, %v", landed, err)
	}
}

// TestEachEndOfAJobIsRecordedOnce covers a retry, and a job without a callback
// URL.
func TestEachEndOfAJobIsRecordedOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	id := w.end()
	w.exec("update jobs set version = version + 1, finished_at = finished_at where job_id = $1", id[:])
	w.exec(`update jobs set status = 'queued', attempt = 2, finished_at = null, started_at = null, error = null
		where job_id = $1`, id[:])
	w.exec(`update jobs set status = 'completed', pending_stages = 0, finished_at = now() where job_id = $1`, id[:])

	silent := rows.Insert(t, w.pool, rows.Job{Seed: "silent"})
	w.exec(`update jobs set status = 'running', finished_at = null, started_at = now() where job_id = $1`, silent[:])
	w.exec(`update jobs set status = 'completed', pending_stages = 0, finished_at = now() where job_id = $1`, silent[:])

	var got string
	if err := w.pool.QueryRow(t.Context(),
		`select string_agg(attempt || ' ' || (data->>'status'), ', ' order by attempt)
		from notifications`).Scan(&got); err != nil || got != "1 failed, 2 completed" {
		t.Errorf("recorded %q, %v", got, err)
	}

	w.exec("delete from jobs where job_id = $1", id[:])

	var left int
	if err := w.pool.QueryRow(t.Context(), "select count(*) from notifications").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d notifications are left of a deleted job, %v", left, err)
	}
}
