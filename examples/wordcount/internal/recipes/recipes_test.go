package recipes_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"coremachine"
	"coremachine/coremachinetest"

	"example.com/wordcount/internal/recipes"
)

func TestMain(m *testing.M) { coremachinetest.Main(m) }

// billing is an API that charges once for each idempotency key, and is busy the
// first time that it sees one.
type billing struct {
	mu      sync.Mutex
	charges map[string]int // requests by key
	running int
	most    int
}

func (b *billing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")

	b.mu.Lock()
	b.charges[key]++
	first := b.charges[key] == 1
	b.running++
	b.most = max(b.most, b.running)
	b.mu.Unlock()

	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()

		b.running--
	}()

	switch {
	case r.Header.Get("Authorization") != "Bearer a secret":
		w.WriteHeader(http.StatusUnauthorized)
	case first:
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
	default:
		_, _ = fmt.Fprintf(w, `{"receipt":%q}`, key)
	}
}

func TestBillingChargesEachAccountOnce(t *testing.T) {
	t.Parallel()

	api := &billing{charges: map[string]int{}}
	server := httptest.NewServer(api)
	defer server.Close()

	services := recipes.Services{URL: server.URL, Key: "a secret", Client: server.Client(), Now: time.Now}
	e := coremachinetest.Start(t, recipes.Jobs, services.Handlers())
	job := e.Run("billing", `{"accounts": 20}`).MustBe(t, coremachinetest.Completed)
	job.Stage(t, "charge").MustHave(t, 20, 0)

	if len(api.charges) != 20 || api.most > 4 {
		t.Errorf("%d accounts were charged, %d at a time, want 20 and at most 4", len(api.charges), api.most)
	}

	for key, requests := range api.charges {
		if requests != 2 {
			t.Errorf("%s: %d requests, want 2", key, requests)
		}
	}
}

func TestRejectedChargeIsNotRetried(t *testing.T) {
	t.Parallel()

	server := httptest.NewServer(&billing{charges: map[string]int{}})
	defer server.Close()

	services := recipes.Services{URL: server.URL, Key: "wrong", Client: server.Client(), Now: time.Now}
	_, err := services.Handlers()[string(recipes.Charge)].Run(
		t.Context(), coremachinetest.NewTask(coremachinetest.TaskSpec{}), []byte(`{}`),
	)

	if !coremachine.IsPermanent(err) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("got %v", err)
	}
}

// TestWaitsUntilTheDateOfTheAPI sets the clock of the handler.
func TestWaitsUntilTheDateOfTheAPI(t *testing.T) {
	t.Parallel()

	clock := coremachinetest.NewClock(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", clock.Now().Add(90*time.Second).Format(http.TimeFormat))
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer server.Close()

	services := recipes.Services{URL: server.URL, Client: server.Client(), Now: clock.Now}
	_, err := services.Handlers()[string(recipes.Charge)].Run(
		t.Context(), coremachinetest.NewTask(coremachinetest.TaskSpec{}), []byte(`{}`),
	)

	if d, ok := coremachine.RetryDelay(err); !ok || d != 90*time.Second {
		t.Errorf("got %v and a wait of %s", err, d)
	}
}

// TestRenderReportsProgress runs a handler in virtual time: 30 seconds pass
// immediately.
func TestRenderReportsProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var notes []string

		task := coremachinetest.NewTask(coremachinetest.TaskSpec{
			Progress: func(_ float64, note string) { notes = append(notes, note) },
		})
		handler := recipes.FromEnvironment().Handlers()[string(recipes.Render)]
		begin := time.Now()

		got, err := handler.Run(t.Context(), task, []byte(`{"frames": 3}`))
		if err != nil || string(got) != `{"frames":3}` || time.Since(begin) != 30*time.Second {
			t.Errorf("got %s, %v after %s", got, err, time.Since(begin))
		}

		if len(notes) != 3 || notes[2] != "frame 3 of 3" {
			t.Errorf("got the notes %q", notes)
		}

		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()

		if _, err := handler.Run(ctx, task, []byte(`{"frames": 3}`)); err == nil {
			t.Error("the handler ignores the end of its context")
		}
	})
}

// TestRenderWithAClock advances the clock of the handler frame by frame.
func TestRenderWithAClock(t *testing.T) {
	t.Parallel()

	clock := coremachinetest.NewClock(time.Now())
	handler := recipes.Services{Sleep: clock.Sleep}.Handlers()[string(recipes.Render)]
	ended := make(chan error, 1)

	go func() {
		_, err := handler.Run(
			t.Context(), coremachinetest.NewTask(coremachinetest.TaskSpec{}), []byte(`{"frames": 2}`),
		)
		ended <- err
	}()

	for range 2 {
		if err := clock.AwaitSleepers(t.Context(), 1); err != nil {
			t.Fatal(err)
		}

		clock.Advance(10 * time.Second)
	}

	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestLargeResultIsReadInPages(t *testing.T) {
	t.Parallel()

	e := coremachinetest.Start(t, recipes.Jobs, recipes.Services{}.Handlers())
	job := e.Run("large", `{"rows": 2500}`).MustBe(t, coremachinetest.Completed)
	job.Stage(t, "sum").MustHave(t, 3, 0)

	if got, want := string(e.Results(job.ID, "sum")[2]), `{"sum":1124750}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestScanEmitsPages calls the handler without the engine.
func TestScanEmitsPages(t *testing.T) {
	t.Parallel()

	var pages coremachinetest.Emitted

	task := coremachinetest.NewTask(coremachinetest.TaskSpec{Emit: pages.Emit})
	got, err := recipes.Services{}.Handlers()[string(recipes.Scan)].Run(t.Context(), task, []byte(`{"rows": 1001}`))

	if err != nil || string(got) != `{"rows":1001}` || len(pages.Parts) != 2 || pages.Parts[1] != `{"rows":[1000]}` {
		t.Errorf("got %s, %v and %d pages", got, err, len(pages.Parts))
	}
}

func TestStockJoinsTwoBranches(t *testing.T) {
	t.Parallel()

	e := coremachinetest.Start(t, recipes.StockJobs, recipes.StockHandlers)

	job := e.Run("stock", `{"items": 6}`).MustBe(t, coremachinetest.CompletedWithErrors)
	job.Stage(t, "price").MustHave(t, 3, 1) // 4 of 6 items are for sale, and item 1 has no price
	job.Stage(t, "count").MustHave(t, 6, 0)

	if got, want := string(e.Results(job.ID, "report")[0]), `{"prices":3,"counts":6}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	job = e.Run("stock", `{"items": 6, "prices_only": true}`).MustBe(t, coremachinetest.CompletedWithErrors)
	job.Stage(t, "count").MustHave(t, 0, 0)

	if got, want := string(e.Results(job.ID, "report")[0]), `{"prices":3,"counts":0}`; got != want {
		t.Errorf("without the branch: got %s, want %s", got, want)
	}
}
