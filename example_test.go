package coremachine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"coremachine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A service that submits jobs knows their names and types. Often the package of
// the jobs declares them.
type (
	TileParams struct {
		Source string `json:"source"`
		Zoom   int    `json:"zoom" default:"12"`
	}
	TileResult struct {
		Tiles int `json:"tiles"`
	}
)

// Tiles is the name of the job with its types.
const Tiles coremachine.JobType[TileParams, TileResult] = "tiles"

// tileService stands in for an API: it knows the job of the examples.
func tileService() *httptest.Server {
	const id = `"job_id":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","job_type":"tiles"`

	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)

		switch {
		case strings.Contains(string(body), `"source":""`):
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"code":"invalid","detail":"The parameters are invalid.",`+
				`"errors":[{"field":"source","message":"is required"}]}`)
		case strings.HasPrefix(r.URL.Path, "/api/jobs/submit/"):
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{`+id+`,"status":"queued","attempt":1,"created":true}`)
		case strings.HasPrefix(r.URL.Path, "/api/jobs/cancel/"):
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{`+id+`,"status":"running"}`)
		default:
			_, _ = io.WriteString(w, `{`+id+`,"status":"completed","result":{"tiles":256}}`)
		}
	}))
}

func ExampleRun() {
	service := tileService()
	defer service.Close()

	client, err := coremachine.NewClient(service.URL, "a-function-key")
	if err != nil {
		panic(err)
	}
	defer client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	result, err := coremachine.Run(ctx, client, Tiles, TileParams{Source: "scans/a.tif"})

	if failed, ok := errors.AsType[*coremachine.JobError](err); ok {
		fmt.Println("the job ended as", failed.Job.Status)
	}

	fmt.Println(result.Tiles, err)
	// Output: 256 <nil>
}

func ExampleSubmit() {
	service := tileService()
	defer service.Close()

	client, err := coremachine.NewClient(service.URL, "a-function-key")
	if err != nil {
		panic(err)
	}
	defer client.Close()

	ctx := context.Background()

	_, err = coremachine.Submit(ctx, client, Tiles, TileParams{})
	fmt.Println(coremachine.CodeOf(err), coremachine.FieldsOf(err)[0].Field)

	submitted, err := coremachine.Submit(ctx, client, Tiles, TileParams{Source: "scans/a.tif"},
		coremachine.Delay(time.Hour), coremachine.CallbackURL("https://example.com/jobs"))
	fmt.Println(submitted.Status, err)

	// Later, in this or another program:
	job, err := client.Wait(ctx, submitted.JobID)
	fmt.Println(job.Status, string(job.Result), err)
	// Output:
	// invalid source
	// queued <nil>
	// completed {"tiles":256} <nil>
}

func ExampleClient_Cancel() {
	service := tileService()
	defer service.Close()

	client, err := coremachine.NewClient(service.URL, "a-function-key")
	if err != nil {
		panic(err)
	}
	defer client.Close()

	id, err := coremachine.ParseJobID("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
	if err != nil {
		panic(err)
	}

	fmt.Println(client.Cancel(context.Background(), id))
	// Output: <nil>
}

// A program that shares the database submits a job in its own transaction. The
// row of the order and the job exist together, or not at all.
func ExampleSubmitTx() {
	saveOrder := func(ctx context.Context, db *pgx.Conn, jobs *coremachine.Submitter, source string) error {
		return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `insert into orders (source) values ($1)`, source); err != nil {
				return err
			}

			_, err := coremachine.SubmitTx(ctx, jobs, tx, Tiles, TileParams{Source: source})

			return err
		})
	}

	_ = saveOrder // a running program calls it
}
