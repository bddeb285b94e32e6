package collective

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOneProcess(t *testing.T) {
	g, err := Open(Options{})
	require.NoError(t, err)
	host, err := os.Hostname()
	require.NoError(t, err)
	assert.Equal(t, []any{0, 1, 0, 1, host, host}, []any{g.Rank(), g.Size(), g.LocalRank(), g.LocalSize(), g.Host(), g.HostOf(0)})
	require.NoError(t, g.Barrier())
	require.NoError(t, g.Broadcast(0, []byte("x")))
	all, err := g.AllGather([]byte("x"))
	require.NoError(t, err)
	assert.Equal(t, [][]byte{[]byte("x")}, all)
	assert.ErrorContains(t, g.Send(0, nil).Wait(), "rank 0 is not another process")
	assert.ErrorContains(t, g.Broadcast(1, nil), "there is no rank 1")
	require.NoError(t, g.Close())
}

func TestTransfersArriveInOrder(t *testing.T) {
	agreeing(t, 3, func(g *Group) error {
		var transfers []*Transfer
		got := make([][]float32, g.Size())
		for peer := range g.Size() {
			if got[peer] = make([]float32, 20); peer == g.Rank() {
				continue
			}
			for i := range 20 {
				transfers = append(transfers, g.Send(peer, Bytes([]float32{float32(100*g.Rank() + i)})), g.Receive(peer, Bytes(got[peer][i:i+1])))
			}
		}
		if err := waitAll(transfers); err != nil {
			return err
		}
		for peer, numbers := range got {
			for i, v := range numbers {
				if peer != g.Rank() && v != float32(100*peer+i) {
					return fmt.Errorf("%d from rank %d is %v", i, peer, v)
				}
			}
		}
		return g.Close()
	})
}

func TestBroadcast(t *testing.T) {
	for n := 1; n <= 8; n++ {
		for _, length := range []int{0, 1, piece, piece + 1, 2*piece + 3} {
			if length > 1 && n > 5 {
				continue
			}
			from := n / 2
			agreeing(t, n, func(g *Group) error {
				block := make([]byte, length)
				if g.Rank() == from {
					for i := range block {
						block[i] = byte(i * 7)
					}
				}
				if err := g.Broadcast(from, block); err != nil {
					return err
				}
				for i, b := range block {
					if b != byte(i*7) {
						return fmt.Errorf("byte %d is %d", i, b)
					}
				}
				return nil
			})
		}
	}
}

func TestGather(t *testing.T) {
	for n := 1; n <= 6; n++ {
		agreeing(t, n, func(g *Group) error {
			own := make([]byte, 3*g.Rank())
			for i := range own {
				own[i] = byte(g.Rank())
			}
			for _, gather := range []func([]byte) ([][]byte, error){g.Gather, g.AllGather} {
				all, err := gather(own)
				if err != nil {
					return err
				}
				if all == nil && g.Rank() > 0 {
					continue // of Gather
				}
				for rank, block := range all {
					if len(block) != 3*rank || rank > 0 && block[len(block)-1] != byte(rank) {
						return fmt.Errorf("block %d is %v", rank, block)
					}
				}
			}
			return nil
		})
	}
}

func TestBarrierWaitsForAll(t *testing.T) {
	var come atomic.Int32
	agreeing(t, 5, func(g *Group) error {
		for round := int32(1); round <= 20; round++ {
			come.Add(1)
			if err := g.Barrier(); err != nil {
				return err
			}
			if n := come.Load(); n < 5*round {
				return fmt.Errorf("%d have come", n)
			}
		}
		return nil
	})
}

// In these tests time is synthetic: the limit is over when all members wait.

func TestMissingRankIsNamed(t *testing.T) {
	const missing = 2
	host, err := os.Hostname()
	require.NoError(t, err)
	for what, operation := range map[string]func(g *Group) error{
		"barrier":       (*Group).Barrier,
		"gather to all": func(g *Group) error { _, err := g.AllGather(nil); return err },
		"broadcast":     func(g *Group) error { return g.Broadcast(missing, make([]byte, 9)) },
		"receive":       func(g *Group) error { return g.Receive(missing, make([]byte, 9)).Wait() },
		"send":          func(g *Group) error { return g.Send(missing, make([]byte, 9)).Wait() },
		"sum of gradients": func(g *Group) error {
			_, err := NewReduction(g, ReductionOptions{Places: 4, Parts: []int{3}})
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			errs := together(4, Options{}, func(g *Group) error {
				if g.Rank() == missing {
					return nil
				}
				g.SetStep("step 12")
				err := operation(g)
				assert.Equal(t, err, g.Barrier(), "a broken group stays so")
				assert.Equal(t, err, g.Close())
				return err
			})
			require.ErrorIs(t, errs[0], ErrLimit, what)
			assert.Equal(t, fmt.Sprintf("rank 0 of 4 on %s: step 12: %s with rank 2 on %s: no answer within the time limit of 10m0s", host, what, host), errs[0].Error())
		})
	}
}

func TestDifferentOperationsDoNotMatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errs := together(2, Options{}, func(g *Group) error {
			if g.Rank() == 0 {
				if err := g.Barrier(); err != nil {
					return err
				}
			}
			return g.Broadcast(0, make([]byte, 8))
		})
		require.ErrorIs(t, errors.Join(errs...), ErrLimit)
	})
}

func TestLengthsDiffer(t *testing.T) {
	errs := together(2, Options{}, func(g *Group) error {
		if g.Rank() == 0 {
			return g.Send(1, make([]byte, 3)).Wait()
		}
		return g.Receive(0, make([]byte, 4)).Wait()
	})
	require.NoError(t, errs[0])
	assert.ErrorContains(t, errs[1], "receive with rank 0 on ")
	assert.ErrorContains(t, errs[1], "3 bytes were sent, 4 are expected")
}

func TestAbortEndsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errs := together(4, Options{}, func(g *Group) error {
			if g.Rank() == 3 {
				time.Sleep(time.Second)
				g.Abort(1, errors.New("the disk is full"))
				g.Abort(1, errors.New("again"))
				return nil
			}
			return g.Barrier()
		})
		for _, err := range errs[:3] {
			require.ErrorIs(t, err, ErrAborted)
			assert.Contains(t, err.Error(), "the group was aborted: rank 3 of 4 on ")
			assert.Contains(t, err.Error(), ": the disk is full")
		}
	})
}

func TestNumbersOfBytes(t *testing.T) {
	numbers := []float64{1, -2.5, math.Inf(1)}
	assert.Equal(t, numbers, Numbers[float64](Bytes(numbers)))
	assert.Empty(t, Numbers[float32](nil))
}
