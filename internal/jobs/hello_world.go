package jobs

import (
	"context"
	"encoding/json"
	"iter"

	h "coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
)

// HelloWorldParams are the parameters of HelloWorld.
type HelloWorldParams struct {
	N           int     `json:"n" default:"3" validate:"min=1,max=1000" search:"true" doc:"Number of greetings, and of replies"`
	Message     string  `json:"message" default:"Hello World" validate:"max=1000" doc:"Text of each greeting"`
	FailureRate float64 `json:"failure_rate" default:"0" validate:"min=0,max=1" doc:"Share of attempts that fail, to test retries"`
}

// HelloWorld greets n times and replies to each greeting. With failure_rate, it
// tests retries and lineage.
var HelloWorld = define.Define(define.Definition[HelloWorldParams]{
	Description: "Two stages of greetings and replies",
	Stages: []define.Stage[HelloWorldParams]{
		{Name: "greeting", Tasks: define.Dynamic(h.Greeting, "n", greetingInput)},
		{Name: "reply", Tasks: define.MatchPrevious(h.Reply, replyInput), UsesLineage: true},
	},
	Result: helloWorldResult,
})

func greetingInput(p HelloWorldParams, _ int) h.GreetingInput {
	return h.GreetingInput{Message: p.Message, FailureRate: p.FailureRate}
}

func replyInput(p HelloWorldParams, _ int) h.ReplyInput {
	return h.ReplyInput{FailureRate: p.FailureRate}
}

// HelloWorldResult holds the results of both stages in index order.
type HelloWorldResult struct {
	Greetings []h.GreetingOutput `json:"greetings"`
	Replies   []h.ReplyOutput    `json:"replies"`
	Truncated bool               `json:"truncated,omitzero"` // the result has no room for all
}

// helloWorldHalf is what each stage gets: half of the maximum result, less the
// JSON around the two lists.
const helloWorldHalf = state.MaxResult/2 - 1024

func helloWorldResult(ctx context.Context, _ HelloWorldParams, r define.Results) (any, error) {
	greetings, all, err := collect(define.Of[h.GreetingOutput](ctx, r, "greeting"), helloWorldHalf)
	if err != nil {
		return nil, err
	}

	replies, allReplies, err := collect(define.Of[h.ReplyOutput](ctx, r, "reply"), helloWorldHalf)
	if err != nil {
		return nil, err
	}

	return HelloWorldResult{Greetings: greetings, Replies: replies, Truncated: !all || !allReplies}, nil
}

// collect appends results until they need more than room bytes of JSON. It
// reports whether those were all.
func collect[T any](results iter.Seq2[T, error], room int) (list []T, all bool, err error) {
	list = []T{}

	for v, err := range results {
		if err != nil {
			return nil, false, err
		}

		b, err := json.Marshal(v)
		if err != nil {
			return nil, false, err
		}

		if room -= len(b) + 1; room < 0 {
			return list, false, nil
		}

		list = append(list, v)
	}

	return list, true, nil
}
