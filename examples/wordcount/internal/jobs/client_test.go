package jobs_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"coremachine"
	"coremachine/coremachinetest"

	"example.com/wordcount/internal/handlers"
	"example.com/wordcount/internal/jobs"
)

// TestClientRunsWordCount calls the API as another service does.
func TestClientRunsWordCount(t *testing.T) {
	t.Parallel()

	e := coremachinetest.Start(t, jobs.All, handlers.All)
	client := coremachinetest.NewClient(t, e)
	params := jobs.WordCountParams{Texts: []string{"one two", "three"}}

	total, err := coremachine.Run(t.Context(), client, jobs.WordCountType, params)
	if err != nil || total.Words != 3 || total.Texts != 2 {
		t.Errorf("got %+v, %v", total, err)
	}

	again, err := coremachine.Submit(t.Context(), client, jobs.WordCountType, params)
	if err != nil || again.Created || again.Status != coremachine.JobCompleted {
		t.Errorf("the second submit returned %+v, %v", again, err)
	}
}

// TestClientReturnsWhatIsWrong sends invalid parameters, and waits for a job that
// fails.
func TestClientReturnsWhatIsWrong(t *testing.T) {
	t.Parallel()

	e := coremachinetest.Start(t, jobs.All, handlers.All)
	client := coremachinetest.NewClient(t, e)

	_, err := coremachine.Submit(t.Context(), client, jobs.WordCountType, jobs.WordCountParams{})
	if fields := coremachine.FieldsOf(err); coremachine.CodeOf(err) != coremachine.CodeInvalid ||
		len(fields) != 1 || fields[0].Field != "texts" {
		t.Errorf("got %v", err)
	}

	const longestWords coremachine.JobType[jobs.LongestWordsParams, struct{}] = "longest_words"

	_, err = coremachine.Run(t.Context(), client, longestWords, jobs.LongestWordsParams{Text: "short"})
	if failed, ok := errors.AsType[*coremachine.JobError](err); !ok || failed.Job.Status != coremachine.JobFailed {
		t.Errorf("got %v", err)
	}
}

// TestSubmitterCommitsWithTheTransaction submits a job in a transaction of the
// test.
func TestSubmitterCommitsWithTheTransaction(t *testing.T) {
	t.Parallel()

	e := coremachinetest.Start(t, jobs.All, handlers.All)
	submitter := coremachinetest.NewSubmitter(t, e, jobs.All, handlers.All)
	params := jobs.WordCountParams{Texts: []string{"one two"}}

	var id coremachine.JobID

	err := pgx.BeginFunc(t.Context(), e.Pool(), func(tx pgx.Tx) error {
		submitted, err := coremachine.SubmitTx(t.Context(), submitter, tx, jobs.WordCountType, params)
		id = submitted.JobID

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	e.Wait(id).MustBe(t, coremachinetest.Completed)
}
