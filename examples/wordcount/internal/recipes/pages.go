package recipes

import (
	"context"
	"iter"

	"coremachine"
)

// Task types of the job large.
const (
	Scan coremachine.TaskType[ScanInput, ScanOutput] = "scan"
	Sum  coremachine.TaskType[SumInput, SumOutput]   = "sum"
)

// ScanInput is the number of rows to list.
type ScanInput struct {
	Rows int `json:"rows"`
}

// ScanOutput is the number of rows. The rows are the parts.
type ScanOutput struct {
	Rows int `json:"rows"`
}

// Page is a part of the list. A part can have up to 1 MiB of JSON.
type Page struct {
	Rows []int `json:"rows"`
}

// SumInput is one page.
type SumInput struct {
	Rows []int `json:"rows"`
}

// SumOutput is the sum of its rows.
type SumOutput struct {
	Sum int `json:"sum"`
}

// LargeParams are the parameters of Large.
type LargeParams struct {
	Rows int `json:"rows" default:"2500" validate:"min=1,max=10000000" doc:"How many rows"`
}

// Large lists rows in pages and adds the rows of each page.
var Large = coremachine.Define(coremachine.Definition[LargeParams]{
	Description: "Add many rows",
	Stages: []coremachine.Stage[LargeParams]{
		{Name: "scan", Tasks: coremachine.Single(Scan, scanInput)},
		{Name: "sum", Tasks: coremachine.FanOut(Sum, coremachine.FromParts[Page]("scan"), sumInputs)},
	},
})

func scanInput(p LargeParams) ScanInput { return ScanInput{Rows: p.Rows} }

// sumInputs plans one task for each page.
func sumInputs(_ LargeParams, _ int, page Page) iter.Seq[SumInput] {
	return func(yield func(SumInput) bool) { yield(SumInput{Rows: page.Rows}) }
}

// pageSize is the number of rows of a page.
const pageSize = 1000

func scan(ctx context.Context, t coremachine.Task, in ScanInput) (ScanOutput, error) {
	page := Page{Rows: make([]int, 0, pageSize)}

	for row := range in.Rows {
		page.Rows = append(page.Rows, row)

		if len(page.Rows) == pageSize || row == in.Rows-1 {
			if err := t.Emit(ctx, page); err != nil {
				return ScanOutput{}, err
			}

			page.Rows = page.Rows[:0]
		}
	}

	return ScanOutput{Rows: in.Rows}, nil
}

func sum(_ context.Context, _ coremachine.Task, in SumInput) (SumOutput, error) {
	var out SumOutput
	for _, row := range in.Rows {
		out.Sum += row
	}

	return out, nil
}
