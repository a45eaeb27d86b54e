package coremachine

// pool keeps the goroutines of attempts that have returned and runs the next
// attempts on them. A new goroutine has to grow its stack again, which costs as
// much as a small task. The pool has at most as many goroutines as attempts
// have run concurrently.
type pool struct {
	next chan func()
	over chan struct{}
	call func(op string, fn func()) (panicked bool)
	keep bool // a goroutine that has returned waits for the next attempt
}

// newPool makes a pool that runs each function by call, which recovers panics.
// If keep is false, each function has a new goroutine.
func newPool(call func(op string, fn func()) bool, keep bool) pool {
	return pool{next: make(chan func()), over: make(chan struct{}), call: call, keep: keep}
}

// run calls fn in a goroutine of its own and does not wait.
func (p *pool) run(fn func()) {
	select {
	case p.next <- fn:
	default:
		go p.work(fn)
	}
}

func (p *pool) work(fn func()) {
	for {
		p.call("coremachine.pool", fn)

		if !p.keep {
			return
		}

		select {
		case fn = <-p.next:
		case <-p.over:
			return
		}
	}
}

// close ends the goroutines that wait, and the others when their attempts
// return.
func (p *pool) close() { close(p.over) }
