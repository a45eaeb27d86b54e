package recipes

import (
	"context"
	"fmt"
	"iter"

	"coremachine"
)

// StockJobs and StockHandlers need no services.
var (
	StockJobs = map[string]coremachine.Job{"stock": Stock}

	StockHandlers = map[string]coremachine.Handler{
		string(ListItem): coremachine.Func(listItem),
		string(Price):    coremachine.Func(price),
		string(Count):    coremachine.Func(count),
		string(Report):   coremachine.Func(report),
	}
)

// Task types of the job stock.
const (
	ListItem coremachine.TaskType[ListItemInput, ListItemOutput] = "list_item"
	Price    coremachine.TaskType[PriceInput, PriceOutput]       = "price"
	Count    coremachine.TaskType[CountInput, CountOutput]       = "count"
	Report   coremachine.TaskType[ReportInput, ReportOutput]     = "report"
)

// ListItemInput is the number of an item.
type ListItemInput struct {
	Item int `json:"item"`
}

// ListItemOutput describes the item. Every third one is not for sale.
type ListItemOutput struct {
	Item    int  `json:"item"`
	ForSale bool `json:"for_sale"`
}

// PriceInput is an item that is for sale.
type PriceInput struct {
	Item int `json:"item"`
}

// PriceOutput is its price.
type PriceOutput struct {
	Cents int `json:"cents"`
}

// CountInput is empty, because a task of count reads the result with the same
// index.
type CountInput struct{}

// CountOutput is how many of the item are in stock.
type CountOutput struct {
	Pieces int `json:"pieces"`
}

// ReportInput is empty, because report reads all prices and counts.
type ReportInput struct{}

// ReportOutput is the result of the job.
type ReportOutput struct {
	Prices int `json:"prices"`
	Counts int `json:"counts"`
}

// StockParams are the parameters of Stock.
type StockParams struct {
	Items      int  `json:"items" default:"6" validate:"min=1,max=1000" doc:"How many items"`
	PricesOnly bool `json:"prices_only" default:"false" doc:"Do not count the stock"`
}

// Stock lists items, finds the price and the stock of each at the same time, and
// reports both.
var Stock = coremachine.Define(coremachine.Definition[StockParams]{
	Description: "Report prices and stock",
	Stages: []coremachine.Stage[StockParams]{
		{Name: "list", Tasks: coremachine.Dynamic(ListItem, "items", listInput)},
		{Name: "price", Tasks: coremachine.FanOut(Price, coremachine.From("list", ListItem), priceInputs)},
		{
			Name:        "count",
			Tasks:       coremachine.MatchPrevious(Count, countInput),
			DependsOn:   []string{"list"}, // not on price, the stage before it
			SkipIf:      func(p StockParams) bool { return p.PricesOnly },
			UsesLineage: true,
		},
		{
			Name:      "report",
			Tasks:     coremachine.FanIn(Report, reportInput),
			DependsOn: []string{"price", "count"},
		},
	},
	Tolerance: 0.5, // of the tasks of each stage
})

func listInput(_ StockParams, index int) ListItemInput { return ListItemInput{Item: index} }

// priceInputs plans no task for an item that is not for sale.
func priceInputs(_ StockParams, _ int, item ListItemOutput) iter.Seq[PriceInput] {
	return func(yield func(PriceInput) bool) {
		if item.ForSale {
			yield(PriceInput{Item: item.Item})
		}
	}
}

func countInput(StockParams, int) CountInput { return CountInput{} }

func reportInput(StockParams) ReportInput { return ReportInput{} }

func listItem(_ context.Context, _ coremachine.Task, in ListItemInput) (ListItemOutput, error) {
	return ListItemOutput{Item: in.Item, ForSale: in.Item%3 != 2}, nil
}

// price finds no price of item 1, and a retry would not help.
func price(_ context.Context, _ coremachine.Task, in PriceInput) (PriceOutput, error) {
	if in.Item == 1 {
		return PriceOutput{}, coremachine.Permanent(fmt.Errorf("item %d has no price", in.Item))
	}

	return PriceOutput{Cents: 100 * in.Item}, nil
}

func count(ctx context.Context, t coremachine.Task, _ CountInput) (CountOutput, error) {
	item, err := coremachine.Predecessor[ListItemOutput](ctx, t)
	if err != nil {
		return CountOutput{}, err
	}

	return CountOutput{Pieces: item.Item}, nil
}

// report reads the results of both branches.
func report(ctx context.Context, t coremachine.Task, _ ReportInput) (ReportOutput, error) {
	var out ReportOutput

	for _, err := range coremachine.StageResults[PriceOutput](ctx, t, "price") {
		if err != nil {
			return out, err
		}

		out.Prices++
	}

	for _, err := range coremachine.StageResults[CountOutput](ctx, t, "count") {
		if err != nil {
			return out, err
		}

		out.Counts++
	}

	return out, nil
}
