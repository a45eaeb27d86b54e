package api_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coremachine/internal/api"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/view"
)

type jobAnswer struct {
	view.JobView
	Links map[string]string `json:"links"`
}

func running() rows.Job {
	return rows.Job{Status: state.JobRunning, Params: `{"n":10}`, Stages: []rows.Stage{
		{Name: "greeting", Planned: 10, Dispatched: 10, Completed: 3, Failed: 2},
		{Name: "reply", Kind: state.MatchPrevious, DependsOn: []int16{0}},
	}}
}

// finish ends a running job.
const finish = `update stages set status = 'cancelled', finished_at = now();
update jobs set status = 'cancelled', cancel_requested_at = now(), finished_at = now(), version = version + 1`

func TestStatusReturnsTheJobWithItsVersion(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})
	id := rows.Insert(t, s.pool, running())
	rows.InsertMessage(t, s.pool, id, rows.Message{First: 5, Count: 5, Held: true})
	path := "/jobs/status/" + id.String()

	var job jobAnswer

	got := s.call(http.MethodGet, path, nil).must(http.StatusOK).into(&job)
	if job.Tasks != (view.TaskCounts{Total: 10, Running: 5, Completed: 3, Failed: 2}) ||
		len(job.Stages) != 2 ||
		len(job.Errors) != 1 {
		t.Errorf("got job %s", got.Body)
	}

	if tag := got.Header.Get("ETag"); tag != `W/"`+job.Version+`"` || job.Links["self"] != "/api"+path {
		t.Errorf("got tag %s, links %v", tag, job.Links)
	}

	for header, status := range map[string]int{
		`W/"` + job.Version + `"`:      304,
		`"` + job.Version + `"`:        304,
		`"a", W/"` + job.Version + `"`: 304,
		"*":                            304,
		`W/"0.0"`:                      200,
		job.Version:                    200,
	} {
		again := s.call(http.MethodGet, path, nil, "If-None-Match", header).must(status)
		if status == 304 && (len(again.Body) != 0 || again.Header.Get("ETag") == "") {
			t.Errorf("%s: %v %s", header, again.Header, again.Body)
		}
	}

	for _, bad := range []string{
		"?wait=61s",
		"?wait=x",
		"?wait=-1s",
		"?since=1.2.3",
		"?wait=1s&since=1.2",
		"?wait=1s&since=x",
		"?wait=1s&wait=2s",
		"?verbose=true",
		"?wait=",
	} {
		s.call(http.MethodGet, path+bad, nil).problem(http.StatusBadRequest)
	}
}

// TestTagOfADeletedAndResubmittedJobDiffers deletes a job and inserts it again
// under the same ID, with the same transitions. A client that still has the old
// version must get the new job.
func TestTagOfADeletedAndResubmittedJobDiffers(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})
	stage := rows.Stage{Name: "greeting", Planned: 2, Dispatched: 2, Completed: 2, Status: state.StageCompleted}
	ended := rows.Job{Status: state.JobCompleted, Result: `"old"`, Stages: []rows.Stage{stage}}
	id := rows.Insert(t, s.pool, ended)
	status, grid := "/jobs/status/"+id.String(), "/jobs/"+id.String()+"/stages/greeting/grid"

	var old, job jobAnswer

	tag := s.call(http.MethodGet, status, nil).must(200).into(&old).Header.Get("ETag")
	gridTag := s.call(http.MethodGet, grid, nil).must(200).Header.Get("ETag")

	s.exec(`delete from jobs; delete from tasks`)

	ended.Result = `"new"`
	if again := rows.Insert(t, s.pool, ended); again != id {
		t.Fatalf("the job has the ID %s, want %s", again, id)
	}

	got := s.call(http.MethodGet, status, nil, "If-None-Match", tag).must(200).into(&job)
	if string(job.Result) != `"new"` || job.Version == old.Version || got.Header.Get("ETag") == tag {
		t.Errorf("got the result %s under the version %s, which was %s", job.Result, job.Version, old.Version)
	}

	s.call(http.MethodGet, grid, nil, "If-None-Match", gridTag).must(200)

	// It does not wait, because the job is not the one that the client has seen.
	if got := get[jobAnswer](s, status+"?wait=60s&since="+old.Version); got.Version != job.Version {
		t.Errorf("got the version %s, want %s", got.Version, job.Version)
	}
}

func TestWaitReturnsAtTheEndAndSinceAtEachChange(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})
	id := rows.Insert(t, s.pool, running())
	path := "/jobs/status/" + id.String()
	now := get[jobAnswer](s, path)

	// nothing changes until the time limit
	if got := get[jobAnswer](s, path+"?wait=30ms&since="+now.Version); got.Version != now.Version {
		t.Errorf("got version %s", got.Version)
	}
	// the version is already a different one
	if got := get[jobAnswer](s, path+"?wait=60s&since=0.0.0"); got.Version != now.Version {
		t.Errorf("got version %s", got.Version)
	}

	var (
		all            sync.WaitGroup
		ended, changed jobAnswer
	)

	all.Go(func() { changed = get[jobAnswer](s, path+"?wait=60s&since="+now.Version) })
	all.Go(func() { ended = get[jobAnswer](s, path+"?wait=60s") })
	s.exec(`update stages set completed = completed + 1 where stage = 0`)
	s.exec(finish)
	all.Wait()

	if changed.Version == now.Version || !ended.Status.Ended() {
		t.Errorf("since returned %s, wait %s", changed.Version, ended.Status)
	}
	// the job has ended, so the request does not wait
	begin := time.Now()

	get[jobAnswer](s, path+"?wait=60s")
	get[jobAnswer](s, path+"?wait=60s&since="+ended.Version)

	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("the request waited %s for an ended job", took)
	}
}

func (s *server) exec(sql string) {
	s.t.Helper()

	if _, err := s.pool.Exec(context.Background(), sql); err != nil {
		s.t.Fatal(err)
	}
}

func TestWaitForADeletedJobReturnsNotFound(t *testing.T) {
	t.Parallel()
	s := start(t, fakeEngine{})
	id := rows.Insert(t, s.pool, rows.Job{Status: state.JobRunning})

	got := make(chan answer, 1)
	go func() { got <- s.call(http.MethodGet, "/jobs/status/"+id.String()+"?wait=60s", nil) }()

	s.exec(`delete from jobs`)
	(<-got).problem(http.StatusNotFound)
}

// countingReader counts readings.
type countingReader struct {
	api.Reader
	jobs, versions atomic.Int64
	ids            atomic.Int64 // number of ids in the last reading
}

func (c *countingReader) ReadJob(ctx context.Context, id state.JobID) (view.JobView, error) {
	c.jobs.Add(1)
	return c.Reader.ReadJob(ctx, id)
}

func (c *countingReader) ReadVersions(
	ctx context.Context,
	ids []state.JobID,
) (map[state.JobID]view.Seen, error) {
	c.versions.Add(1)
	c.ids.Store(int64(len(ids)))

	return c.Reader.ReadVersions(ctx, ids)
}

func TestAllWaitersOfAProcessShareOneQuery(t *testing.T) {
	t.Parallel()

	const waiters = 60

	counts := &countingReader{}
	s := start(t, fakeEngine{}, func(o *api.Options) {
		counts.Reader = o.Reader
		o.Reader, o.JobWatcher = counts, api.NewJobWatcher(counts.ReadVersions, nil)
	})

	ids := []string{}
	for _, seed := range []string{"a", "b", "c"} {
		ids = append(ids, rows.Insert(t, s.pool, rows.Job{Seed: seed, Status: state.JobRunning}).String())
	}

	var all sync.WaitGroup
	for i := range waiters {
		all.Go(func() {
			if got := get[jobAnswer](s, "/jobs/status/"+ids[i%3]+"?wait=60s"); !got.Status.Ended() {
				t.Errorf("answered %s", got.Status)
			}
		})
	}

	for counts.jobs.Load() < waiters || counts.ids.Load() < 3 { // all requests wait, or are about to
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}

		s.exec(`select pg_sleep(0.01)`)
	}

	before := counts.versions.Load()
	begin := time.Now()

	s.exec(`select pg_sleep(0.5)`)

	if polls := counts.versions.Load() - before; polls > 3+time.Since(begin).Milliseconds()/20 {
		t.Errorf("%d readings in half a second", polls)
	}

	s.exec(strings.Split(finish, ";")[1])
	all.Wait()

	if again := counts.jobs.Load() - waiters; again > waiters {
		t.Errorf("the jobs were read %d times after they had ended", again)
	}
}
