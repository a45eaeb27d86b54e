package repo

import (
	"context"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
	"coremachine/internal/view"
)

// relations maps each kind of stage to the way in which its tasks follow from a
// stage that it depends on.
var relations = map[state.Parallelism]view.Relation{
	state.MatchPrevious: view.RelationFollows,
	state.FanOut:        view.RelationPlanned,
	state.FanIn:         view.RelationGathers,
	state.Single:        view.RelationAfter,
	state.Dynamic:       view.RelationAfter,
}

// taskLineage returns the tasks from which a task has its input, and the tasks
// that use its result.
func (r *Repo) taskLineage(
	ctx context.Context,
	id state.JobID,
	stage, index int,
) (inputs, consumers []view.TaskLinks, err error) {
	rows, err := r.pool.Query(ctx, statement("read_lineage"), namedArgs{
		"job_id": id[:], "stage": stage, "index": index, "most": view.MaxTaskLinks,
	})
	if err != nil {
		return nil, nil, err
	}

	sides := [2][]view.TaskLinks{{}, {}}

	var (
		side   int
		link   view.TaskLinks
		kind   state.Parallelism
		linked *int
		status state.TaskStatus
	)

	_, err = pgx.ForEachRow(
		rows,
		[]any{&side, &link.Stage, &link.StageStatus, &kind, &link.Count, &linked, &status},
		func() error {
			last := len(sides[side]) - 1
			if last < 0 || sides[side][last].Stage != link.Stage {
				link.Relation, link.Tasks = relations[kind], []view.TaskLink{}
				sides[side] = append(sides[side], link)
				last++
			}

			if linked != nil {
				sides[side][last].Tasks = append(
					sides[side][last].Tasks,
					view.TaskLink{Index: *linked, Status: status},
				)
			}

			return nil
		},
	)

	return sides[0], sides[1], err
}
