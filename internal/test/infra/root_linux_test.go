package infra

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// runIn makes a command run in the image: this test binary starts in a mount
// namespace of its own, enters the image, and becomes the command. Only root can do
// that. Another account runs the command of the image in the root of the machine.
func runIn(command *exec.Cmd, image string, user int) error {
	if os.Geteuid() != 0 {
		command.Path = filepath.Join(image, command.Path)
		return nil
	}

	own, err := os.Executable()
	if err != nil {
		return err
	}

	command.Path = own
	command.Env = append(command.Env, imageRoot+"="+image, imageUser+"="+strconv.Itoa(user))
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}

	return nil
}

// enterImage makes the image the root of this process, without the right to write
// to it, becomes the user of the image, and executes the command. It returns an exit
// code if that fails.
func enterImage(image string, command []string) int {
	user, err := strconv.Atoi(os.Getenv(imageUser))
	if err != nil {
		return 70
	}

	for _, step := range []func() error{
		func() error { return syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "") },
		func() error { return syscall.Mount(image, image, "", syscall.MS_BIND, "") },
		func() error {
			return syscall.Mount("", image, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, "")
		},
		func() error { return syscall.Chroot(image) },
		func() error { return os.Chdir("/") },
		isReadOnly,
		func() error { return syscall.Setgroups(nil) },
		func() error { return syscall.Setgid(user) },
		func() error { return syscall.Setuid(user) },
		func() error { return os.Unsetenv(imageRoot) },
		func() error { return os.Unsetenv(imageUser) },
		func() error { return syscall.Exec(command[0], command, os.Environ()) },
	} {
		if err := step(); err != nil {
			_, _ = fmt.Fprintf(os.Stderr, "entering the image: %v\n", err)
			return 70
		}
	}

	return 0
}

// isReadOnly returns an error if root itself can write to the root folder.
func isReadOnly() error {
	err := os.WriteFile("/written", nil, 0o600)
	if errors.Is(err, syscall.EROFS) {
		return nil
	}

	return errors.Join(errors.New("the root folder is not read-only"), err)
}
