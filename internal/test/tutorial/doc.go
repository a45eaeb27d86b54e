// Package tutorial follows docs/tutorial.md. In a copy of the project, and in
// the order of the page, it runs every command, puts every piece of code in its
// place, and compares the output with the output on the page.
//
// The blocks of the page have attributes. A block that is run is "sh id=NAME".
// Its expected output is "text of=NAME", in which … stands for anything. Code
// is "go file=PATH": declarations that replace those of the same name, or a
// whole file if the block begins with a package clause. delete=NAME removes a
// function.
//
// Crashes, duplicates and reordering occur as on the page, which kills a
// process. It contains only tests, and may import everything.
package tutorial
