// Package coremachine is the public API for projects that use the engine from
// their own repository: the language in which jobs are declared, what handlers
// need, Main, and the calls with which other programs submit jobs. It holds
// aliases and thin functions only, and it is the API that stays stable. The test
// kit is in coremachinetest.
//
// A project declares its jobs and handlers as two literal maps and passes them
// to Main:
//
//	func main() { coremachine.Main(jobs.All, handlers.All) }
//
// The package holds no state. What a crash, a duplicate or a reordering does is
// described in docs/reliability.md.
//
// Another program calls the API with a Client, or submits jobs in its own
// transactions with a Submitter.
//
// It may import app, client, handlers, jobs/define, state, submitter and view.
package coremachine
