package jobs

import (
	"context"

	h "coremachine/internal/handlers"
	"coremachine/internal/jobs/define"
)

// HelloWorldParams are the parameters of hello_world.
type HelloWorldParams struct {
	N           int     `json:"n"            default:"3"           validate:"min=1,max=1000" doc:"greetings, and as many replies"`
	Message     string  `json:"message"      default:"Hello World" validate:"max=1000"       doc:"what each task says"`
	FailureRate float64 `json:"failure_rate" default:"0"           validate:"min=0,max=1"    doc:"self-test: share of attempts that fail, drawn from job, stage, index and attempt"`
}

// HelloWorldResult is what hello_world ends with: every reply beside the greeting that it quotes.
type HelloWorldResult struct {
	Greetings []h.GreetingOutput `json:"greetings"`
	Replies   []h.ReplyOutput    `json:"replies"`
}

// HelloWorld is the job to look at first: n greetings, and a reply to each.
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

func helloWorldResult(ctx context.Context, _ HelloWorldParams, r define.Results) (any, error) {
	var out HelloWorldResult
	for g, err := range define.Of[h.GreetingOutput](ctx, r, "greeting") {
		if err != nil {
			return nil, err
		}
		out.Greetings = append(out.Greetings, g)
	}
	for reply, err := range define.Of[h.ReplyOutput](ctx, r, "reply") {
		if err != nil {
			return nil, err
		}
		out.Replies = append(out.Replies, reply)
	}
	return out, nil
}
