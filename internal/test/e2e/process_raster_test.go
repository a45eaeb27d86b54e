package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"coremachine/internal/dev/hillsample"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/state"
	"coremachine/internal/test/blobfake"
	"coremachine/internal/test/enginetest"
)

// rasterWidth and rasterHeight need several tasks of every size with tiles of
// 128 pixels.
const rasterWidth, rasterHeight = 4300, 2500

// rasterSource is a raster that the tests share.
var rasterSource = sync.OnceValues(func() ([]byte, error) {
	var mu sync.Mutex

	parts := map[int][]byte{}

	n, err := hillsample.Encode(
		context.Background(),
		hillsample.Options{Width: rasterWidth, Height: rasterHeight, Bands: 1, Seed: 7},
		func(_ context.Context, number int, data []byte) error {
			mu.Lock()
			defer mu.Unlock()

			parts[number] = data

			return nil
		},
	)

	var all []byte
	for i := range n {
		all = append(all, parts[i]...)
	}

	return all, err
})

// rasterAccount is storage with the source.
func rasterAccount(t *testing.T) *blobfake.Account {
	t.Helper()

	data, err := rasterSource()
	if err != nil {
		t.Fatal(err)
	}

	blobs := blobfake.New("imagery", "cogs")
	if _, err := blobs.Put(t.Context(), "imagery", "hills.tif", data, handlers.WriteOptions{}); err != nil {
		t.Fatal(err)
	}

	return blobs
}

func rasterEngine(t *testing.T, blobs handlers.Blobs, processes int) *enginetest.Engine {
	t.Helper()

	return enginetest.Start(t, enginetest.Options{
		Jobs: jobs.All, Handlers: handlers.All, Deps: handlers.Deps{Blobs: blobs}, Processes: processes,
		Dispatch: modeOf(t),
	})
}

func rasterParams(levels int, more string) string {
	return fmt.Sprintf(`{"source_container":"imagery","source_blob":"hills.tif","output_container":"cogs",`+
		`"output_blob":"cog.tif","blocksize":128,"preview_size":256,"task_levels":%d%s}`, levels, more)
}

// digest returns the hash of the output, and fails the test if a run has left
// anything else than the output and its preview.
func digest(t *testing.T, blobs *blobfake.Account) string {
	t.Helper()

	names, uncommitted := blobs.Names("cogs")
	if got := strings.Join(names, " "); got != "cog.preview.png cog.tif" || len(uncommitted) > 0 {
		t.Errorf("the run left %q and the uncommitted %q", names, uncommitted)
	}

	info, err := blobs.Stat(t.Context(), "cogs", "cog.tif")
	if err != nil {
		t.Fatal(err)
	}

	data := make([]byte, info.Size)
	if err := blobs.ReadAt(t.Context(), "cogs", "cog.tif", "", data, 0); err != nil {
		t.Fatal(err)
	}

	sum := sha256.Sum256(data)

	return hex.EncodeToString(sum[:])
}

// mustBeEmpty fails the test if a job has left a blob or a staged block.
func mustBeEmpty(t *testing.T, blobs *blobfake.Account) {
	t.Helper()

	names, uncommitted := blobs.Names("cogs")
	if len(names) > 0 || len(uncommitted) > 0 {
		t.Errorf("the job left %q and the uncommitted %q", names, uncommitted)
	}
}

// reference is the output of one process.
var reference struct {
	once sync.Once
	hash string
}

func referenceHash(t *testing.T) string {
	t.Helper()

	reference.once.Do(func() {
		blobs := rasterAccount(t)
		rasterEngine(t, blobs, 1).Run("process_raster", rasterParams(3, "")).MustBe(t, state.JobCompleted)
		reference.hash = digest(t, blobs)
	})

	if reference.hash == "" {
		t.Fatal("there is no reference output")
	}

	return reference.hash
}

func TestProcessRasterIsIdenticalForAnySplit(t *testing.T) {
	t.Parallel()

	want := referenceHash(t)

	for _, c := range []struct{ processes, levels, tasks int }{{2, 4, 6}, {7, 5, 2}, {2, 3, 15}} {
		blobs := rasterAccount(t)
		job := rasterEngine(t, blobs, c.processes).Run("process_raster", rasterParams(c.levels, ""))

		if got := job.MustBe(t, state.JobCompleted).Stage(t, "process_tile").Completed; got != c.tasks {
			t.Errorf("levels %d: got %d tasks, want %d", c.levels, got, c.tasks)
		}

		if got := digest(t, blobs); got != want {
			t.Errorf("%d processes, levels %d: the output is another one", c.processes, c.levels)
		}
	}
}

func TestProcessRasterReportsItsResult(t *testing.T) {
	t.Parallel()

	blobs := rasterAccount(t)
	job := rasterEngine(t, blobs, 1).Run("process_raster", rasterParams(3, "")).MustBe(t, state.JobCompleted)

	var r jobs.ProcessRasterResult
	if err := json.Unmarshal(job.Result, &r); err != nil {
		t.Fatal(err)
	}

	info, err := blobs.Stat(t.Context(), "cogs", "cog.tif")
	if err != nil || r.Output.ETag != info.ETag || r.Output.Size != info.Size || r.Output.Tasks != 15 {
		t.Errorf("got %+v for %+v, %v", r.Output, info, err)
	}

	if !r.Report.Valid || r.Report.CRS.EPSG != 32633 || r.Report.Width != rasterWidth || r.Report.Bands != 1 {
		t.Errorf("got the report %+v", r.Report)
	}

	if len(r.Statistics) != 1 || r.Statistics[0].Count != rasterWidth*rasterHeight ||
		!(r.Statistics[0].P2 < r.Statistics[0].Mean && r.Statistics[0].Mean < r.Statistics[0].P98) {
		t.Errorf("got the statistics %+v", r.Statistics)
	}

	if r.Preview == nil || r.Preview.Width != 256 || r.Preview.Blob != "cog.preview.png" {
		t.Errorf("got the preview %+v", r.Preview)
	}

	if r.Verified.Tiles != 16 || r.Verified.Levels != len(r.Output.Levels) {
		t.Errorf("got %+v verified", r.Verified)
	}
}

// TestProcessRasterSurvivesLostAnswers loses the answers of requests, as a
// process does that dies after it has sent them.
func TestProcessRasterSurvivesLostAnswers(t *testing.T) {
	t.Parallel()

	want := referenceHash(t)

	for _, op := range []blobfake.Op{blobfake.Stage, blobfake.Put, blobfake.Commit, blobfake.Delete} {
		blobs := rasterAccount(t)

		var lost atomic.Int64

		blobs.After = func(_ context.Context, r blobfake.Request) error {
			if r.Op == op && r.Container == "cogs" && lost.Add(1)%40 == 1 {
				return handlers.RetryAfter(0, handlers.ErrStorageUnreachable)
			}

			return nil
		}

		rasterEngine(t, blobs, 2).Run("process_raster", rasterParams(3, "")).MustBe(t, state.JobCompleted)

		if got := digest(t, blobs); got != want || lost.Load() == 0 {
			t.Errorf("%s: %d answers, and the output is another one", op, lost.Load())
		}
	}
}

// TestLateAttemptDoesNotChangeTheOutput lets a task fail after it has staged
// blocks. Before and after the commit, that attempt stages all of them again
// with other bytes.
func TestLateAttemptDoesNotChangeTheOutput(t *testing.T) {
	t.Parallel()

	want := referenceHash(t)
	blobs := rasterAccount(t)

	var (
		mu     sync.Mutex
		staged []string
		failed atomic.Bool
	)

	late := func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()

		for _, id := range staged {
			if err := blobs.Stage(ctx, "cogs", "cog.tif", id, []byte("late")); err != nil {
				return err
			}
		}

		return nil
	}
	blobs.After = func(_ context.Context, r blobfake.Request) error {
		if r.Op != blobfake.Stage || failed.Load() || !strings.Contains(r.ID, "L00-R0000003-C0000000") {
			return nil
		}

		mu.Lock()
		defer mu.Unlock()

		failed.Store(true)

		attempt := r.ID[strings.LastIndex(r.ID, "-"):]
		for row := range 4 {
			staged = append(staged, strings.Replace(r.ID, "R0000003", fmt.Sprintf("R%07d", row), 1))
		}

		t.Log("attempt", attempt, "fails")

		return handlers.RetryAfter(0, handlers.ErrStorageUnreachable)
	}

	var once sync.Once

	blobs.Before = func(ctx context.Context, r blobfake.Request) (err error) {
		if r.Op == blobfake.Commit {
			once.Do(func() { err = late(ctx) })
		}

		return err
	}

	rasterEngine(t, blobs, 2).Run("process_raster", rasterParams(3, "")).MustBe(t, state.JobCompleted)

	if len(staged) != 4 {
		t.Fatal("no attempt failed")
	}

	for range 2 {
		if got := digest(t, blobs); got != want {
			t.Fatal("the late attempt changed the output")
		}

		if err := late(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
