package enginetest

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"coremachine/internal/state"
)

//go:embed statuslog.sql
var statusLog string

// LogStatusChanges makes the schema log every change of a status from now on.
// IllegalTransitions checks the log.
func LogStatusChanges(ctx context.Context, pool *pgxpool.Pool) error {
	_, err := pool.Exec(ctx, statusLog)
	return err
}

// IllegalTransitions returns what the status log contains and must never
// contain: a transition that is not in the table, a stage that started twice or
// before its dependencies had ended, a task that completed twice, and a job or
// a task that changed the same way twice under one attempt. It requires
// LogStatusChanges.
func IllegalTransitions(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	rows, err := pool.Query(
		ctx,
		`select record, coalesce(was, ''), now, count(*) from status_log group by 1, 2, 3 order by 1, 2, 3`,
	)
	if err != nil {
		return nil, err
	}

	var (
		found            []string
		record, was, now string
		n                int
	)
	if _, err := pgx.ForEachRow(rows, []any{&record, &was, &now, &n}, func() error {
		if !allowed(record, was, now) {
			found = append(found, fmt.Sprintf("a %s went from %q to %q: %d", record, was, now, n))
		}

		return nil
	}); err != nil {
		return nil, err
	}

	more, err := count(ctx, pool, impossible)

	return append(found, more...), err
}

func allowed(record, was, now string) bool {
	m := map[string]state.Transitions{
		"job": state.JobMachine, "stage": state.StageMachine, "task": state.TaskMachine,
	}[record]
	if was == "" && slices.Contains(m.Initial, now) {
		return true
	}

	if was == "" && record == "task" { // a task without a row is queued
		was = "queued"
	}
	// The running state of a task is not stored, so the log shows the states
	// before and after it.
	return m.Allows(was, now) || record == "task" && was == "queued" && m.Allows("running", now)
}

// InvariantViolations returns the invariants that the schema violates. After
// every commit of the engine there must be none.
func InvariantViolations(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	return count(ctx, pool, invariants)
}

// count runs checks in one round trip and returns those that found something.
// Each check is a query that counts violations.
func count(ctx context.Context, pool *pgxpool.Pool, checks map[string]string) ([]string, error) {
	names := slices.Sorted(maps.Keys(checks))

	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("select %d, (%s)", i, checks[name])
	}

	rows, err := pool.Query(ctx, strings.Join(parts, " union all "))
	if err != nil {
		return nil, err
	}

	var (
		found []string
		i, n  int
	)

	_, err = pgx.ForEachRow(rows, []any{&i, &n}, func() error {
		if n > 0 {
			found = append(found, fmt.Sprintf("%s: %d", names[i], n))
		}

		return nil
	})

	return found, err
}

// invariants are queries that count violations. A task without a row is queued,
// so the queries count open tasks as the difference to the tasks that have
// ended. No check creates a row for each task of a large stage.
var invariants = map[string]string{
	"messages of jobs that have ended": `
		select count(*)
		from messages m
		join jobs j using (job_id)
		where j.finished_at is not null`,
	"open jobs without any message": `
		select count(*)
		from jobs j
		where j.finished_at is null
		  and not exists (select from messages m where m.job_id = j.job_id)`,
	"stages whose counters differ from their tasks": `
		select count(*)
		from stages s
		join jobs j on j.job_id = s.job_id and j.purge_started_at is null
		cross join lateral (
			select
				count(*) filter (where t.status = 'completed') as completed,
				count(*) filter (where t.status = 'failed') as failed,
				count(*) filter (where t.status = 'cancelled') as cancelled
			from tasks t
			where t.job_id = s.job_id and t.stage = s.stage and t.gen = s.gen) t
		where (s.completed, s.failed, s.cancelled) is distinct from (t.completed, t.failed, t.cancelled)`,
	"tasks that were not planned": `
		select count(*)
		from tasks t
		join stages s using (job_id, stage, gen)
		where t.index >= s.planned`,
	"tasks of a fan_out without a row, which holds their input": `
		select count(*)
		from stages s
		join jobs j on j.job_id = s.job_id and j.purge_started_at is null
		where s.kind = 'fan_out'
		  and s.planned <> (
			select count(*)
			from tasks t
			where t.job_id = s.job_id and t.stage = s.stage and t.gen = s.gen)`,
	"stages whose dispatched open tasks are more or fewer than their messages cover": `
		select count(*)
		from stages s
		where s.finished_at is null
		  and s.dispatched <> coalesce((
			select sum(m.tasks_left)
			from messages m
			where m.job_id = s.job_id and m.stage = s.stage and m.gen = s.gen and m.kind = 2), 0) + (
			select count(*)
			from tasks t
			where t.job_id = s.job_id and t.stage = s.stage and t.gen = s.gen
			  and t.status <> 'queued'
			  and t.index < s.dispatched)`,
	"open tasks that are dispatched and not covered by exactly one message": `
		select count(*)
		from tasks t
		join stages s using (job_id, stage, gen)
		where t.status = 'queued'
		  and t.index < s.dispatched
		  and (
			select count(*)
			from messages m
			where m.job_id = t.job_id and m.stage = t.stage and m.gen = t.gen and m.kind = 2
			  and t.index >= m.first
			  and t.index < m.first + m.count
			  and (m.count = 1 or t.failures = 0)) <> 1`,
	"bundles that overlap": `
		select count(*)
		from (
			select
				m.first,
				max(m.first + m.count) over (
					partition by m.job_id, m.stage, m.gen
					order by m.first, m.message_id
					rows between unbounded preceding and 1 preceding) as reach
			from messages m
			where m.kind = 2 and m.count > 1) m
		where m.first < m.reach`,
	"tasks with two single-task messages": `
		select count(*)
		from (
			select
			from messages m
			where m.kind = 2 and m.count = 1
			group by m.job_id, m.stage, m.gen, m.first
			having count(*) > 1) m`,
	"messages whose task is also covered by a bundle": `
		select count(*)
		from messages m
		where m.kind = 2
		  and m.count = 1
		  and exists (
			select
			from messages b
			where b.job_id = m.job_id and b.stage = m.stage and b.gen = m.gen and b.kind = 2
			  and b.count > 1
			  and m.first >= b.first
			  and m.first < b.first + b.count)
		  and not exists (
			select
			from tasks t
			where t.job_id = m.job_id and t.stage = m.stage and t.gen = m.gen and t.index = m.first
			  and t.failures > 0)`,
	"open tasks that ran under a higher attempt than their message's": `
		select count(*)
		from tasks t
		join messages m on m.job_id = t.job_id and m.stage = t.stage and m.gen = t.gen and m.kind = 2
			and t.index >= m.first
			and t.index < m.first + m.count
			and (m.count = 1 or t.failures = 0)
		where t.status = 'queued'
		  and t.attempt > m.attempt - (m.worker_id is not null)::int`,
	"messages whose open tasks differ from tasks_left": `
		select count(*)
		from messages m
		where m.kind = 2
		  and m.tasks_left <> m.count - (
			select count(*)
			from tasks t
			where t.job_id = m.job_id and t.stage = m.stage and t.gen = m.gen
			  and t.index >= m.first
			  and t.index < m.first + m.count
			  and not (t.status = 'queued' and (m.count = 1 or t.failures = 0)))`,
	"stages with more tasks in flight than their window, or one bundle": `
		select count(*)
		from stages s
		where s.status = 'running'
		  and greatest(s.task_window, s.bundle) < s.dispatched - (
			select count(*)
			from tasks t
			where t.job_id = s.job_id and t.stage = s.stage and t.gen = s.gen
			  and t.status <> 'queued'
			  and t.index < s.dispatched)`,
	"jobs whose pending_stages differs from their open stages": `
		select count(*)
		from jobs j
		where j.cancel_requested_at is null
		  and j.pending_stages <> (
			select count(*)
			from stages s
			where s.job_id = j.job_id and s.finished_at is null)`,
	"waiting stages whose pending_dependencies differs from their open dependencies": `
		select count(*)
		from stages s
		join jobs j using (job_id)
		where s.status = 'waiting'
		  and s.pending_dependencies <> (
			select count(*)
			from stages d
			where d.job_id = s.job_id and d.stage = any (s.depends_on) and d.finished_at is null)
			+ (s.finally and (
				j.outcome is null
				or exists (select from messages m where m.job_id = s.job_id and m.kind = 6)))::int`,
	"open stages of jobs that have ended": `
		select count(*)
		from stages s
		join jobs j using (job_id)
		where j.finished_at is not null
		  and s.finished_at is null`,
	"jobs whose finally_stages differs from their finally stages": `
		select count(*)
		from jobs j
		where j.purge_started_at is null
		  and j.finally_stages <> (select count(*) from stages s where s.job_id = j.job_id and s.finally)`,
	"finally stages that began before the outcome was decided": `
		select count(*)
		from stages s
		join jobs j using (job_id)
		where s.finally
		  and s.status <> 'waiting'
		  and j.outcome is null`,
	"other stages that are open after the outcome was decided": `
		select count(*)
		from stages s
		join jobs j using (job_id)
		where not s.finally
		  and s.finished_at is null
		  and j.outcome is not null`,
	"messages of other stages after the outcome was decided": `
		select count(*)
		from messages m
		join jobs j using (job_id)
		left join stages s on s.job_id = m.job_id and s.stage = m.stage
		where j.outcome is not null
		  and (m.kind = 3 or m.kind in (1, 2, 5) and not s.finally)`,
}

// impossible are queries that count what the status log must never contain.
var impossible = map[string]string{
	"stages that started twice in one generation": `
		select count(*)
		from (
			select
			from status_log
			where record = 'stage' and now = 'running' and coalesce(was, 'waiting') = 'waiting'
			group by job_id, incarnation, stage, gen
			having count(*) > 1) l`,
	"tasks that completed twice in one generation": `
		select count(*)
		from (
			select
			from status_log
			where record = 'task' and now = 'completed'
			group by job_id, incarnation, stage, gen, index
			having count(*) > 1) l`,
	"tasks that ended the same way twice in one attempt": `
		select count(*)
		from (
			select
			from status_log
			where record = 'task' and now in ('completed', 'failed')
			group by job_id, incarnation, stage, gen, index, attempt, now
			having count(*) > 1) l`,
	"jobs that changed the same way twice under one attempt": `
		select count(*)
		from (
			select
			from status_log
			where record = 'job'
			group by job_id, incarnation, attempt, was, now
			having count(*) > 1) l`,
	"stages that started before their dependencies had ended": `
		select count(*)
		from status_log l
		cross join unnest(l.depends_on) as d
		where l.record = 'stage'
		  and l.now = 'running'
		  and coalesce(l.was, 'waiting') = 'waiting'
		  and (
			select p.now
			from status_log p
			where p.record = 'stage' and p.job_id = l.job_id
			  and p.incarnation = l.incarnation and p.stage = d and p.id < l.id
			order by p.id desc
			limit 1) not in ('completed', 'failed', 'skipped', 'cancelled')`,
}
