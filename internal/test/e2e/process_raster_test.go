package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"coremachine/internal/dev/rastersample"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/raster/tiff"
	"coremachine/internal/state"
	"coremachine/internal/test/blobfake"
	"coremachine/internal/test/enginetest"
)

// rasterWidth and rasterHeight need 20 tasks that make one overview, with tiles
// of 128 pixels.
const rasterWidth, rasterHeight = 1100, 900

// rasterSource is a raster that the tests share.
var rasterSource = sync.OnceValues(func() ([]byte, error) { return hills(rasterWidth, rasterHeight) })

func hills(width, height int) ([]byte, error) {
	return rastersample.Bytes(rastersample.Spec{
		Width: width, Height: height, Seed: 7, Tile: 256, Compression: tiff.AdobeDeflate,
	})
}

// rasterAccount is storage with the source.
func rasterAccount(t *testing.T) *blobfake.Account {
	t.Helper()

	data, err := rasterSource()
	if err != nil {
		t.Fatal(err)
	}

	return accountWith(t, data)
}

// accountWith is storage with a source of these bytes.
func accountWith(t *testing.T, source []byte) *blobfake.Account {
	t.Helper()

	blobs := blobfake.New("imagery", "cogs")
	rewrite(t, blobs, source)

	return blobs
}

func rasterEngine(t *testing.T, blobs handlers.Blobs, processes int) *enginetest.Engine {
	t.Helper()

	return enginetest.Start(t, enginetest.Options{
		Jobs: jobs.All, Handlers: handlers.All, Deps: handlers.Deps{Blobs: blobs}, Processes: processes,
		Dispatch: modeOf(t),
	})
}

func rasterParams(levels int, more string) string { return rasterParamsFor("cogs", levels, more) }

// rasterParamsFor are the parameters of a job with a container of its own.
func rasterParamsFor(container string, levels int, more string) string {
	return fmt.Sprintf(`{"source_container":"imagery","source_blob":"hills.tif","output_container":%q,`+
		`"output_blob":"cog.tif","blocksize":128,"preview_size":256,"task_levels":%d%s}`, container, levels, more)
}

// digest returns the hash of the output, and fails the test if a run has left
// anything else than the output and its preview.
func digest(t *testing.T, blobs *blobfake.Account) string {
	t.Helper()

	all := content(t, blobs)
	if got := strings.Join(slices.Sorted(maps.Keys(all)), " "); got != "cog.preview.png cog.tif" {
		t.Errorf("the run left %q", got)
	}

	return all["cog.tif"]
}

// content returns the hash of each blob of the output container, and fails the
// test if a run has left blocks that are not committed.
func content(t *testing.T, blobs *blobfake.Account) map[string]string {
	t.Helper()

	all := map[string]string{}

	names, uncommitted := blobs.Names("cogs")
	if len(uncommitted) > 0 {
		t.Errorf("the run left the uncommitted %q", uncommitted)
	}

	for _, name := range names {
		data, err := blobs.Head(t.Context(), "cogs", name, 1<<24)
		if err != nil {
			t.Fatal(err)
		}

		all[name] = fmt.Sprintf("%x", sha256.Sum256(data))
	}

	return all
}

// mustBeEmpty fails the test if a job has left a blob or a staged block.
func mustBeEmpty(t *testing.T, blobs *blobfake.Account) {
	t.Helper()

	names, uncommitted := blobs.Names("cogs")
	if len(names) > 0 || len(uncommitted) > 0 {
		t.Errorf("the job left %q and the uncommitted %q", names, uncommitted)
	}
}

// reference is a run in one process, and its output.
var reference struct {
	once  sync.Once
	job   enginetest.Job
	blobs *blobfake.Account
	hash  string
}

func referenceHash(t *testing.T) string {
	t.Helper()

	reference.once.Do(func() {
		blobs := rasterAccount(t)
		reference.job = rasterEngine(t, blobs, 1).
			Run("process_raster", rasterParams(1, "")).
			MustBe(t, state.JobCompleted)
		reference.blobs, reference.hash = blobs, digest(t, blobs)
	})

	if reference.hash == "" {
		t.Fatal("there is no reference output")
	}

	return reference.hash
}

func TestProcessRasterIsIdenticalForAnySplit(t *testing.T) {
	t.Parallel()

	// Several tasks of every size.
	data, err := hills(4300, 300)
	if err != nil {
		t.Fatal(err)
	}

	want := ""

	for _, c := range []struct{ processes, levels, tasks int }{{1, 3, 5}, {2, 4, 3}, {7, 5, 2}} {
		blobs := accountWith(t, data)
		job := rasterEngine(t, blobs, c.processes).Run("process_raster", rasterParams(c.levels, ""))

		if got := job.MustBe(t, state.JobCompleted).Stage(t, "process_tile").Completed; got != c.tasks {
			t.Errorf("levels %d: got %d tasks, want %d", c.levels, got, c.tasks)
		}

		got := digest(t, blobs)
		if want == "" {
			want = got
		}

		if got != want {
			t.Errorf("%d processes, levels %d: the output is another one", c.processes, c.levels)
		}
	}
}

func TestProcessRasterReportsItsResult(t *testing.T) {
	t.Parallel()

	referenceHash(t)

	job, blobs := reference.job, reference.blobs

	var r jobs.ProcessRasterResult
	if err := json.Unmarshal(job.Result, &r); err != nil {
		t.Fatal(err)
	}

	info, err := blobs.Stat(t.Context(), "cogs", "cog.tif")
	if err != nil || r.Output.ETag != info.ETag || r.Output.Size != info.Size || r.Output.Tasks != 20 {
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

// TestProcessRasterSurvivesLostAnswers loses the first answer to each kind of
// request, and later ones, as a process does that dies after it has sent them.
func TestProcessRasterSurvivesLostAnswers(t *testing.T) {
	t.Parallel()

	want := referenceHash(t)
	blobs := rasterAccount(t)
	answers := map[blobfake.Op]*atomic.Int64{
		blobfake.Stage: {}, blobfake.Put: {}, blobfake.Commit: {}, blobfake.Delete: {},
	}

	blobs.After = func(_ context.Context, r blobfake.Request) error {
		count := answers[r.Op]
		if count != nil && r.Container == "cogs" && count.Add(1)%40 == 1 {
			return handlers.RetryAfter(0, handlers.ErrStorageUnreachable)
		}

		return nil
	}

	rasterEngine(t, blobs, 2).Run("process_raster", rasterParams(1, "")).MustBe(t, state.JobCompleted)

	if got := digest(t, blobs); got != want {
		t.Error("the output is another one")
	}

	for op, count := range answers {
		if count.Load() == 0 {
			t.Errorf("there was no %s", op)
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

		staged = []string{strings.Replace(r.ID, "R0000003", "R0000002", 1), r.ID}

		return handlers.RetryAfter(0, handlers.ErrStorageUnreachable)
	}

	var once sync.Once

	blobs.Before = func(ctx context.Context, r blobfake.Request) (err error) {
		if r.Op == blobfake.Commit {
			once.Do(func() { err = late(ctx) })
		}

		return err
	}

	rasterEngine(t, blobs, 2).Run("process_raster", rasterParams(1, "")).MustBe(t, state.JobCompleted)

	if len(staged) != 2 {
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
