package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"coremachine"
)

// Task types of the job longest_words.
const (
	Find  coremachine.TaskType[FindInput, FindOutput]   = "longest_words_find"
	Shout coremachine.TaskType[ShoutInput, ShoutOutput] = "longest_words_shout"
)

// FindInput is a text and a rank from 0.
type FindInput struct {
	Text string `json:"text"`
	Rank int    `json:"rank"`
}

// FindOutput is the word with that rank.
type FindOutput struct {
	Word string `json:"word"`
}

func find(_ context.Context, _ coremachine.Task, in FindInput) (FindOutput, error) {
	words := strings.Fields(in.Text)
	if in.Rank >= len(words) {
		return FindOutput{}, coremachine.Permanent(fmt.Errorf("the text has %d words, want more than %d",
			len(words), in.Rank))
	}

	slices.SortStableFunc(words, func(a, b string) int { return len(b) - len(a) })

	return FindOutput{Word: words[in.Rank]}, nil
}

// ShoutInput is empty, because a task reads the word with the same index.
type ShoutInput struct{}

// ShoutOutput is the word in upper case.
type ShoutOutput struct {
	Word string `json:"word"`
}

func shout(ctx context.Context, t coremachine.Task, _ ShoutInput) (ShoutOutput, error) {
	before, err := coremachine.Predecessor[FindOutput](ctx, t)
	if err != nil {
		return ShoutOutput{}, err
	}

	return ShoutOutput{Word: strings.ToUpper(before.Word)}, nil
}
