package jobs_test

import (
	"testing"

	"coremachine/coremachinetest"

	"example.com/wordcount/internal/handlers"
	"example.com/wordcount/internal/jobs"
)

func TestMain(m *testing.M) { coremachinetest.Main(m) }

func TestWordCountAddsTheCounts(t *testing.T) {
	t.Parallel()

	e := coremachinetest.Start(t, jobs.All, handlers.All)
	job := e.Run("word_count", `{"texts": ["one two", "", "three four five"]}`).MustBe(t, coremachinetest.Completed)
	job.Stage(t, "count").MustHave(t, 2, 0)

	if got, want := string(e.Results(job.ID, "total")[0]), `{"texts":2,"words":5}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLongestWordsFollowsTheLongestWords(t *testing.T) {
	t.Parallel()

	e := coremachinetest.Start(t, jobs.All, handlers.All)
	job := e.Run("longest_words", `{"n": 2, "text": "a tiny orchestrator"}`).MustBe(t, coremachinetest.Completed)

	if got, want := string(e.Results(job.ID, "shout")[0]), `{"word":"ORCHESTRATOR"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLongestWordsFailsIfTheTextIsTooShort(t *testing.T) {
	t.Parallel()

	e := coremachinetest.Start(t, jobs.All, handlers.All)
	e.Run("longest_words", `{"n": 3, "text": "short"}`).MustBe(t, coremachinetest.Failed)
}

func TestSchedulesAreValid(t *testing.T) {
	t.Parallel()

	coremachinetest.Start(t, jobs.All, handlers.All, coremachinetest.WithSchedules(jobs.Schedules))
}
