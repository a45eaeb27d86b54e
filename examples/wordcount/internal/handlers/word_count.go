package handlers

import (
	"context"
	"strings"

	"coremachine"
)

// Task types of the job word_count.
const (
	Split coremachine.TaskType[SplitInput, SplitOutput] = "word_count_split"
	Count coremachine.TaskType[CountInput, CountOutput] = "word_count_count"
	Total coremachine.TaskType[TotalInput, TotalOutput] = "word_count_total"
)

// SplitInput holds the texts of the job.
type SplitInput struct {
	Texts []string `json:"texts"`
}

// SplitOutput holds the texts that are not blank.
type SplitOutput struct {
	Texts []string `json:"texts"`
}

func split(_ context.Context, _ coremachine.Task, in SplitInput) (SplitOutput, error) {
	out := SplitOutput{Texts: []string{}}

	for _, text := range in.Texts {
		if strings.TrimSpace(text) != "" {
			out.Texts = append(out.Texts, text)
		}
	}

	return out, nil
}

// CountInput is one text.
type CountInput struct {
	Text string `json:"text"`
}

// CountOutput is the number of words of one text.
type CountOutput struct {
	Words int `json:"words"`
}

func count(_ context.Context, _ coremachine.Task, in CountInput) (CountOutput, error) {
	return CountOutput{Words: len(strings.Fields(in.Text))}, nil
}

// TotalInput names the stage to add up.
type TotalInput struct {
	Stage string `json:"stage"`
}

// TotalOutput is the sum over all texts.
type TotalOutput struct {
	Texts int `json:"texts"`
	Words int `json:"words"`
}

func total(ctx context.Context, t coremachine.Task, in TotalInput) (TotalOutput, error) {
	var out TotalOutput

	for r, err := range coremachine.StageResults[CountOutput](ctx, t, in.Stage) {
		if err != nil {
			return out, err
		}

		out.Texts++
		out.Words += r.Words
	}

	return out, nil
}
