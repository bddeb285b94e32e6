package web_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/detector"
	"scalenet/engine/cpu"
	"scalenet/imaging"
	"scalenet/server"
	"scalenet/server/models"
	"scalenet/web"
)

const (
	example = "../examples/BloodImage_00014.jpg"
	// screenshots are kept for whoever wants to look.
	screenshots = "../build/screenshots"
	patience    = 90 * time.Second // for one condition, on a machine that is busy
)

// bench is a browser and the server that it looks at, with the models that ship.
type bench struct {
	*httptest.Server
	handler *server.Server
	browser context.Context
}

// newBench starts both, once for all tests that use them. The camera shows the
// example image.
func newBench(t *testing.T) *bench {
	t.Helper()
	path, err := exec.LookPath("chromium-headless-shell")
	if err != nil {
		t.Skip("chromium-headless-shell not found: scripts/install.sh --browser installs it")
	}
	require.NoError(t, os.MkdirAll(screenshots, 0o755))
	s := newServer(t)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path),
		chromedp.NoSandbox, // it sees no page but ours
		chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-video-capture", cameraFile(t)),
	)
	allocator, endAllocator := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(endAllocator)
	browser, endBrowser := chromedp.NewContext(allocator)
	t.Cleanup(endBrowser)
	require.NoError(t, chromedp.Do(browser)) // starts it
	b := &bench{Server: httptest.NewServer(s.Handler()), handler: s, browser: browser}
	t.Cleanup(b.Close)
	return b
}

func newServer(t *testing.T) *server.Server {
	t.Helper()
	sources, _, err := models.Sources([]string{"../models/bccd.safetensors", "../models/cards.safetensors"})
	require.NoError(t, err)
	c := server.DefaultConfig()
	c.Page = web.Handler()
	c.Queue.Wait = 0
	c.Timeout = patience
	c.Models, err = models.NewRegistry(t.Context(), sources, func(m *detector.Model) (*detector.Detector, func(), error) {
		dev, err := cpu.New(cpu.Options{})
		if err != nil {
			return nil, nil, err
		}
		d := detector.NewDetector(m, dev, detector.Options{})
		return d, func() { d.Close(); dev.Close() }, nil
	})
	require.NoError(t, err)
	s, err := server.New(c)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// cameraFile is a film of the example image, at twice its size.
func cameraFile(t *testing.T) string {
	t.Helper()
	small, err := imaging.Load(example, imaging.Limits{})
	require.NoError(t, err)
	large, err := small.Resize(2*small.W, 2*small.H)
	require.NoError(t, err)
	image, err := large.Encode(".jpg")
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "camera.mjpeg")
	require.NoError(t, os.WriteFile(name, bytes.Repeat(image, 8), 0o644))
	return name
}

// tab is a page in a profile of its own. It watches what the page sends and says.
type tab struct {
	*testing.T
	context.Context
	address string

	mu       sync.Mutex
	sent     []string            // addresses of all requests
	open     map[string]struct{} // ids of detections in flight
	detects  int
	most     int // detections in flight at a time
	problems []string
}

// newTab opens the page at path and checks in the end that no request went
// elsewhere and that the console is empty but for expected words.
func (b *bench) newTab(t *testing.T, address string, expected ...string) *tab {
	t.Helper()
	p := &tab{T: t, address: address, open: map[string]struct{}{}}
	ctx, cancel := chromedp.NewContext(b.browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.listen))
	p.Context = ctx
	t.Cleanup(cancel)
	t.Cleanup(func() { p.checkQuiet(expected) })
	call(p, network.Enable, network.EnableParams{})
	p.do(chromedp.EmulateViewport(1360, 850))
	p.do(chromedp.Navigate(address))
	return p
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.sent = append(p.sent, e.Request.URL)
		if strings.Contains(e.Request.URL, "/detect?") {
			p.detects++
			p.open[string(e.RequestID)] = struct{}{}
			p.most = max(p.most, len(p.open))
		}
	case *network.EventLoadingFinished:
		delete(p.open, string(e.RequestID))
	case *network.EventLoadingFailed:
		delete(p.open, string(e.RequestID))
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, "exception: "+e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
	case *runtime.EventConsoleAPICalled:
		p.problems = append(p.problems, fmt.Sprintf("console.%s", e.Type))
	case *cdplog.EventEntryAdded:
		p.problems = append(p.problems, fmt.Sprintf("%s: %s (%s)", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	}
}

func (p *tab) checkQuiet(expected []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, address := range p.sent {
		u, err := url.Parse(address)
		local := err == nil && (u.Scheme == "blob" || u.Scheme == "data" || strings.HasPrefix(p.address, u.Scheme+"://"+u.Host))
		assert.True(p.T, local, "a request went to %s", address)
	}
	for _, problem := range p.problems {
		known := slices.ContainsFunc(expected, func(e string) bool { return strings.Contains(problem, e) })
		assert.True(p.T, known, "the console has %q", problem)
	}
}

// counts are the detections asked for, and the most in flight at a time since the last call.
func (p *tab) counts() (detects, most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	most, p.most = p.most, len(p.open)
	return p.detects, most
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	require.NoError(p.T, chromedp.Do(p.Context, actions...))
}

// call sends a command of the browser's protocol.
func call[P, R any](p *tab, command cdp.Command[P, R], params P) {
	p.Helper()
	_, err := chromedp.Call(p.Context, command, params)
	require.NoError(p.T, err)
}

// viewport changes the size of the window, and waits until the page has it.
func (p *tab) viewport(width, height int64, options ...chromedp.EmulateViewportOption) {
	p.Helper()
	p.do(chromedp.EmulateViewport(width, height, options...))
	p.wait(fmt.Sprintf("innerWidth === %d && innerHeight === %d && ", width, height) + drawn)
}

// scheme is "light" or "dark"; colours change at once.
func (p *tab) scheme(name string) {
	p.Helper()
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
}

// wait waits until a JavaScript expression is true.
func (p *tab) wait(condition string) {
	p.Helper()
	end := time.Now().Add(patience)
	for !p.holds(condition) {
		if time.Now().After(end) {
			p.shot("timeout")
			require.Fail(p.T, "waited in vain", "for %s", condition)
		}
		time.Sleep(25 * time.Millisecond)
	}
}

// holds reports whether a JavaScript expression is true. While the page goes to another, nothing is.
func (p *tab) holds(condition string) bool {
	p.Helper()
	v, err := chromedp.Run(p.Context, chromedp.Evaluate[bool]("!!("+condition+")"))
	if err != nil && strings.Contains(err.Error(), "Inspected target navigated") {
		return false
	}
	require.NoError(p.T, err, condition)
	return v
}

// eval is the value of a JavaScript expression, or of its promise.
func eval[T any](p *tab, expression string) T {
	p.Helper()
	v, err := chromedp.Run(p.Context, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(p.T, err, expression)
	return v
}

// js runs a JavaScript expression.
func (p *tab) js(expression string) {
	p.Helper()
	eval[chromedp.Void](p, expression)
}

func (p *tab) text(selector string) string {
	p.Helper()
	return eval[string](p, fmt.Sprintf("document.querySelector(%q).textContent", selector))
}

func (p *tab) click(selector string) {
	p.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// shot keeps what the page looks like, under the test's name.
func (p *tab) shot(state string) {
	p.Helper()
	image, err := chromedp.Run(p.Context, chromedp.CaptureScreenshot())
	require.NoError(p.T, err)
	_, name, _ := strings.Cut(p.Name(), "/")
	name = strings.ReplaceAll(strings.ToLower(name), "/", "-") + "-" + state + ".png"
	require.NoError(p.T, os.WriteFile(filepath.Join(screenshots, name), image, 0o644))
}
