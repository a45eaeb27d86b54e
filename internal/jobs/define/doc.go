// Package define is the language in which jobs are declared, and its checks: parameters, stages, how tasks are planned.
//
// It owns the typed declaration (Definition, Stage and the five kinds of tasks), the strict reading of parameters, their JSON
// Schema, and Check, which compares the two registries at start. A declaration is pure data and pure functions: the same
// parameters give the same job id, the same stages and the same inputs, in every process and on every attempt, so that a plan
// may be cut off anywhere and resumed. A panic of a declared function is an error with CodePlanner.
//
// It may import internal/state and internal/handlers.
package define
