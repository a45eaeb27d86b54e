package state

import (
	"fmt"
	"net/url"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
)

// MaxStack bounds the stored stack of a panic, in bytes; the outermost frames
// are cut.
const MaxStack = 16 << 10

// maxFrames bounds the frames of a stack that are looked at.
const maxFrames = 256

// Panicked makes the Error of a recovered panic. The deferred function that
// recovered v calls it, so that the panicking frames are still on the stack.
//
// The message names the first frame of the program's own module as file:line;
// Stack holds all frames. Paths are those of packages, so that they say nothing
// about the machine that built the program. Arguments are left out: they may be
// secret, and they differ from run to run.
func Panicked(code Code, op, what string, v any) *Error {
	pcs := make([]uintptr, maxFrames)
	pcs = pcs[:runtime.Callers(2, pcs)]
	frames := panicking(pcs)

	msg := fmt.Sprintf("%s panicked: %v", what, v)
	if at := firstOwn(frames); at != "" {
		msg = fmt.Sprintf("%s panicked at %s: %v", what, at, v)
	}

	e := Errorf(code, op, "%s", msg)
	e.Stack = stackText(frames)

	return e
}

// frame is one call, with a path that is the same on every machine.
type frame struct{ function, place string }

// panicking lists the frames from the panic outwards.
func panicking(pcs []uintptr) []frame {
	var all []frame

	start := 0

	for frames := runtime.CallersFrames(pcs); ; {
		f, more := frames.Next()
		if f.Function == "runtime.gopanic" && start == 0 {
			start = len(all) + 1
		}

		all = append(all, frame{f.Function, framePath(f.Function, f.File) + ":" + strconv.Itoa(f.Line)})

		if !more {
			break
		}
	}

	return all[start:]
}

// firstOwn returns the place of the first frame in the main module, or else of
// the first that is not the runtime's.
func firstOwn(frames []frame) string {
	module := build().module
	other := ""

	for _, f := range frames {
		pkg := packageOf(f.function)
		if pkg == "main" || pkg == module || strings.HasPrefix(pkg, module+"/") {
			return f.place
		}

		if other == "" && pkg != "runtime" {
			other = f.place
		}
	}

	return other
}

func stackText(frames []frame) string {
	var b strings.Builder

	for _, f := range frames {
		line := f.function + "\n\t" + f.place + "\n"
		if b.Len()+len(line) > MaxStack-len("…\n") {
			b.WriteString("…\n")
			break
		}

		b.WriteString(line)
	}

	return strings.ToValidUTF8(b.String(), "?")
}

// framePath joins the package's path below the main module with the file's
// name. The file's own path may be of the machine that built the program.
func framePath(function, file string) string {
	name := path.Base(strings.ReplaceAll(file, `\`, "/"))

	pkg := packageOf(function)
	if pkg == "main" {
		pkg = build().main
	}

	if strings.HasSuffix(name, "_test.go") {
		pkg = strings.TrimSuffix(pkg, "_test")
	}

	module := build().module
	if pkg == module {
		return name
	}

	return path.Join(strings.TrimPrefix(pkg, module+"/"), name)
}

// packageOf returns the import path of a function as the runtime names it:
// dots in the last element are escaped.
func packageOf(function string) string {
	dir, last := "", function
	if slash := strings.LastIndexByte(function, '/'); slash >= 0 {
		dir, last = function[:slash+1], function[slash+1:]
	}

	last, _, _ = strings.Cut(last, ".")
	if plain, err := url.PathUnescape(last); err == nil {
		last = plain
	}

	return dir + last
}

type buildPaths struct{ module, main string }

// build returns the paths of the main module and of the main package.
var build = sync.OnceValue(func() buildPaths {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Path == "" {
		return buildPaths{module: "main", main: "main"}
	}

	return buildPaths{module: info.Main.Path, main: info.Path}
})
