package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"coremachine/internal/state"
	"coremachine/internal/test/fixtures"
)

// start is one line in the log of the handlers: an attempt of a task of the job
// gate.
type start struct {
	job, stage     string
	index, attempt int
}

// recorded is a completed task of the job gate, with the result of its
// predecessor.
type recorded struct {
	start
	gen      int
	out      fixtures.GateOut
	previous fixtures.GateOut // for tasks of the second stage
}

// checkTokens compares the recorded results with the log of the handlers. Each
// recorded token must belong to the recorded attempt, each quotation must match
// the recorded token, and no attempt may have started twice.
func (c *cluster) checkTokens(ctx context.Context) (wrong []string, starts int, err error) {
	tokens, times, err := readStarts(c.startLog)
	if err != nil {
		return nil, 0, err
	}

	all, err := c.recordedTokens(ctx)
	if err != nil {
		return nil, 0, err
	}

	for _, r := range all {
		name := fmt.Sprintf("%s %s %d", r.job[:12], r.stage, r.index)
		if made, ok := tokens[r.out.Token]; !ok || made != r.start {
			wrong = append(
				wrong,
				fmt.Sprintf("%s: attempt %d is recorded with the token of %+v", name, r.attempt, made),
			)
		}

		if r.stage == "second" && (r.out.Quoted == "" || r.out.Quoted != r.previous.Token) {
			wrong = append(
				wrong,
				fmt.Sprintf("%s quotes %q, want the recorded %q", name, r.out.Quoted, r.previous.Token),
			)
		}

		if n := times[r.start]; r.gen == 1 && n > 1 { // the lines do not contain the generation
			wrong = append(wrong, fmt.Sprintf("%s: attempt %d started %d times", name, r.attempt, n))
		}
	}

	return wrong, len(tokens), nil
}

func readStarts(path string) (byToken map[string]start, times map[start]int, err error) {
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, nil, err
	}

	byToken, times = map[string]start{}, map[start]int{}

	for line := range strings.Lines(string(text)) {
		var (
			s     start
			token string
		)
		if _, err := fmt.Sscan(line, &s.job, &s.stage, &s.index, &s.attempt, &token); err != nil {
			return nil, nil, fmt.Errorf("the line %q: %w", line, err)
		}

		byToken[token] = s
		times[s]++
	}

	return byToken, times, nil
}

func (c *cluster) recordedTokens(ctx context.Context) (all []recorded, err error) {
	rows, err := c.pool.Query(ctx, `
		select t.job_id, s.name, t.gen, t.index, t.attempt, t.result, coalesce(p.result, '{}')
		from tasks t join stages s using (job_id, stage, gen) join jobs j using (job_id)
		left join stages f on f.job_id = t.job_id and f.stage = s.depends_on[1]
		left join tasks p on p.job_id = t.job_id and p.stage = f.stage and p.gen = f.gen and p.index = t.index
		where j.job_type = 'gate' and t.status = 'completed'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	for rows.Next() {
		var (
			r                 recorded
			id, out, previous []byte
		)
		if err := rows.Scan(&id, &r.stage, &r.gen, &r.index, &r.attempt, &out, &previous); err != nil {
			return nil, err
		}

		r.job = state.JobID(id).String()
		if err := json.Unmarshal(out, &r.out); err != nil {
			return nil, err
		}

		if err := json.Unmarshal(previous, &r.previous); err != nil {
			return nil, err
		}

		all = append(all, r)
	}

	return all, rows.Err()
}
