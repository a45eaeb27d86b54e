package jobs

import (
	"context"
	"iter"

	"coremachine"

	"example.com/wordcount/internal/handlers"
)

// WordCountType is the name of WordCount, with the types of its parameters and
// its result. Other programs submit the job by it.
const WordCountType coremachine.JobType[WordCountParams, handlers.TotalOutput] = "word_count"

// WordCountParams are the parameters of WordCount.
type WordCountParams struct {
	Texts []string `json:"texts" validate:"required,min=1,max=100,dive,max=10000" doc:"The texts to count"`
}

// WordCount splits the texts, counts the words of each one in parallel, and adds
// the counts.
var WordCount = coremachine.Define(coremachine.Definition[WordCountParams]{
	Description: "Count the words of some texts",
	Stages: []coremachine.Stage[WordCountParams]{
		{Name: "split", Tasks: coremachine.Single(handlers.Split, splitInput)},
		{
			Name: "count",
			Tasks: coremachine.FanOut(
				handlers.Count,
				coremachine.From("split", handlers.Split),
				func(_ WordCountParams, _ int, r handlers.SplitOutput) iter.Seq[handlers.CountInput] {
					return func(yield func(handlers.CountInput) bool) {
						for _, text := range r.Texts {
							if !yield(handlers.CountInput{Text: text}) {
								return
							}
						}
					}
				},
			),
		},
		{Name: "total", Tasks: coremachine.FanIn(handlers.Total, totalInput)},
	},
	Result: wordCountResult,
})

func splitInput(p WordCountParams) handlers.SplitInput { return handlers.SplitInput{Texts: p.Texts} }

func totalInput(WordCountParams) handlers.TotalInput { return handlers.TotalInput{Stage: "count"} }

func wordCountResult(ctx context.Context, _ WordCountParams, r coremachine.Results) (any, error) {
	var last handlers.TotalOutput

	for out, err := range coremachine.Of[handlers.TotalOutput](ctx, r, "total") {
		if err != nil {
			return nil, err
		}

		last = out
	}

	return last, nil
}
