package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"coremachine/internal/client"
)

// contextsFile is the file of contexts in the folder of the user's
// configuration. It contains addresses and paths, and no keys.
const contextsFile = "contexts.json"

// defaultContext names the address that is used without any context.
const defaultContext = "default"

// apiContext is an address with the key that belongs to it.
type apiContext struct {
	URL     string `json:"url"`
	KeyFile string `json:"key_file,omitempty"` // absolute path
}

// contexts is the content of the file.
type contexts struct {
	Current  string                `json:"current,omitempty"` // empty: the default address
	Contexts map[string]apiContext `json:"contexts"`
}

func (c contexts) names() []string { return slices.Sorted(maps.Keys(c.Contexts)) }

var contextName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// configDir returns the folder of the user's configuration, or "" if there is
// none.
func configDir(getenv func(string) string) string {
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "corectl")
	}

	if dir, err := os.UserConfigDir(); err == nil {
		return filepath.Join(dir, "corectl")
	}

	return ""
}

// readContexts reads the file. Without a file, there are no contexts.
func (con *console) readContexts() (contexts, error) {
	none := contexts{Contexts: map[string]apiContext{}}
	if con.configDir == "" {
		return none, nil
	}

	c, err := readFile[contexts](con.configDir, contextsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}

	if err != nil {
		return none, exitf(exitOther, "corectl: cannot read the contexts in %s: %v",
			filepath.Join(con.configDir, contextsFile), err)
	}

	if c.Contexts == nil {
		c.Contexts = none.Contexts
	}

	return c, nil
}

func (con *console) writeContexts(c contexts) error {
	if con.configDir == "" {
		return exitf(exitOther, "corectl: there is no folder for contexts. Set XDG_CONFIG_HOME.")
	}

	return writeFile(con.configDir, contextsFile, c)
}

// named returns a context. An unknown name is an error that lists the known
// ones. The default context has the zero value.
func (c contexts) named(name string) (apiContext, error) {
	if name == defaultContext {
		return apiContext{}, nil
	}

	found, known := c.Contexts[name]
	if known {
		return found, nil
	}

	names := append(c.names(), defaultContext)

	return found, exitf(
		exitNotFound,
		"No context %q.%s Contexts: %s",
		name,
		didYouMean(name, names),
		strings.Join(names, ", "),
	)
}

// target is the API that a command calls.
type target struct {
	context string // name of the context; empty if the address is given or the default
	url     string
	key     string
}

// target finds the API. An address that is given wins over every context, and
// then no key of a context is sent. In a context with a key file, this key is
// used, because the one in the environment belongs to another address.
func (con *console) target(g globals) (target, error) {
	to := target{url: first(g.URL, con.getenv("CORECTL_URL")), key: con.getenv("CORECTL_KEY")}
	keyFile := g.KeyFile

	if to.url != "" && g.Context != "" {
		given := "CORECTL_URL is set"
		if g.URL != "" {
			given = "--url is given"
		}

		return to, usagef("%s, and it wins over --context. Use only one of them.", given)
	}

	if to.url == "" {
		all, err := con.readContexts()
		if err != nil {
			return to, err
		}

		name := first(g.Context, con.getenv("CORECTL_CONTEXT"), all.Current, defaultContext)

		found, err := all.named(name)
		if err != nil {
			return to, err
		}

		to.url, keyFile = found.URL, first(keyFile, found.KeyFile)
		if name != defaultContext {
			to.context = name
		}
	}

	if keyFile != "" {
		key, err := readKey(keyFile)
		if err != nil {
			return to, to.unreadableKey(g, err)
		}

		to.key = key
	}

	to.url = first(to.url, client.Default)

	return to, nil
}

func (t target) unreadableKey(g globals, err error) error {
	if t.context == "" || g.KeyFile != "" {
		return usagef("cannot read the key file: %v", err)
	}

	return usagef("cannot read the key file of the context %s: %v. Name another one: "+
		"corectl context add %s --url %s --key-file FILE", t.context, err, t.context, t.url)
}

// maxKey is the maximum size of a key file in bytes.
const maxKey = 64 << 10

// readKey reads a function key, which is one word.
func readKey(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}

	if info.Size() > maxKey {
		return "", fmt.Errorf("%s has %d bytes and is not a key", path, info.Size())
	}

	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}

	key := strings.TrimSpace(string(text))
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", fmt.Errorf("%s does not contain one key", path)
	}

	return key, nil
}
