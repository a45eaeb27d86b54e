// Package define owns the language in which jobs are declared, and what it
// compiles to: the Job that the engine runs. It decodes and validates
// parameters, renders their JSON Schema, computes the inputs of tasks, and
// checks the registries of jobs and handlers against each other.
//
// A Job is immutable and pure: the same parameters give the same canonical
// JSON, the same counts, the same inputs. So after a crash, and for a message
// that comes twice or late, whatever is computed again is equal to what was
// computed before. User code (planners, conditions, result functions) is called
// with a guard: its panic becomes an error with CodePlanner.
//
// It may import only internal/state and internal/handlers.
package define
