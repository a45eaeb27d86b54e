package jobs

import (
	"coremachine"

	"example.com/wordcount/internal/handlers"
)

// LongestWordsParams are the parameters of LongestWords.
type LongestWordsParams struct {
	N    int    `json:"n" default:"3" validate:"min=1,max=100" doc:"How many words, the longest first"`
	Text string `json:"text" validate:"required,max=10000" doc:"The text to look at"`
}

// LongestWords finds the longest words of a text, one in each task, and prints
// each one in upper case.
var LongestWords = coremachine.Define(coremachine.Definition[LongestWordsParams]{
	Description: "Find the longest words of a text",
	Stages: []coremachine.Stage[LongestWordsParams]{
		{Name: "find", Tasks: coremachine.Dynamic(handlers.Find, "n", findInput)},
		{Name: "shout", Tasks: coremachine.MatchPrevious(handlers.Shout, shoutInput), UsesLineage: true},
	},
})

func findInput(p LongestWordsParams, index int) handlers.FindInput {
	return handlers.FindInput{Text: p.Text, Rank: index}
}

func shoutInput(LongestWordsParams, int) handlers.ShoutInput { return handlers.ShoutInput{} }
