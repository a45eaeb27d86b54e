package recipes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"coremachine"
)

// Charge is the task type that charges one account through an API.
const Charge coremachine.TaskType[ChargeInput, ChargeOutput] = "charge"

// ChargeInput is an account and an amount.
type ChargeInput struct {
	Account int `json:"account"`
	Cents   int `json:"cents"`
}

// ChargeOutput is the receipt of the API.
type ChargeOutput struct {
	Receipt string `json:"receipt"`
}

// BillingParams are the parameters of Billing.
type BillingParams struct {
	Accounts int `json:"accounts" default:"100" validate:"min=1,max=100000" doc:"How many accounts, numbered from 0"`
	Cents    int `json:"cents" default:"500" validate:"min=1" doc:"What each of them pays"`
}

// Billing charges accounts. The API allows four requests at a time.
var Billing = coremachine.Define(coremachine.Definition[BillingParams]{
	Description: "Charge accounts",
	Stages: []coremachine.Stage[BillingParams]{
		{Name: "charge", Tasks: coremachine.Dynamic(Charge, "accounts", chargeInput), Window: 4, Bundle: 1},
	},
	Tolerance: 1,
})

func chargeInput(p BillingParams, index int) ChargeInput {
	return ChargeInput{Account: index, Cents: p.Cents}
}

func (s Services) charge(ctx context.Context, t coremachine.Task, in ChargeInput) (ChargeOutput, error) {
	var out ChargeOutput

	body := fmt.Sprintf(`{"account":%d,"cents":%d}`, in.Account, in.Cents)

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/charges", strings.NewReader(body))
	if err != nil {
		return out, coremachine.Permanent(err)
	}

	req.Header.Set("Authorization", "Bearer "+s.Key)
	req.Header.Set("Idempotency-Key", t.Key) // the API charges once for each key

	resp, err := s.Client.Do(req)
	if err != nil {
		return out, err // the engine tries again
	}
	defer resp.Body.Close()

	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		t.Log.Warn("the API is busy", "retry_after", resp.Header.Get("Retry-After"))
		return out, coremachine.RetryAfter(s.wait(resp), errors.New("the API is busy"))
	case resp.StatusCode >= http.StatusInternalServerError:
		return out, fmt.Errorf("the API answered %d", resp.StatusCode)
	case resp.StatusCode >= http.StatusMultipleChoices:
		return out, coremachine.Permanent(fmt.Errorf("the API rejected the charge: %d", resp.StatusCode))
	}

	return out, json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&out)
}

// wait returns the time after which the API wants to be asked again: a number of
// seconds, or a date.
func (s Services) wait(resp *http.Response) time.Duration {
	after := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(after); err == nil {
		return time.Duration(seconds) * time.Second
	}

	if at, err := http.ParseTime(after); err == nil {
		return at.Sub(s.Now())
	}

	return time.Minute
}
