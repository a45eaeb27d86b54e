// Package define owns the language in which jobs are declared, and its compiled
// form: the Job that the engine runs. It decodes and validates parameters,
// renders their JSON Schema, computes the inputs of tasks, and checks the
// registries of jobs and handlers against each other.
//
// A Job is immutable and pure: the same parameters always produce the same
// canonical JSON, the same counts and the same inputs. If the engine computes
// them again after a crash, or for a duplicate or late message, the values are
// equal. User code (planners, conditions, result functions) runs under a guard
// that converts a panic into an error with CodePlanner.
//
// It may import only internal/cron, internal/state and internal/handlers.
package define
