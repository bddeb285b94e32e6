package engine_test

import (
	"fmt"

	"scalenet/engine"
	"scalenet/engine/ref"
	"scalenet/nn"
)

// A linear model's loss and the gradient of its weight, on the reference device.
func Example() {
	params := nn.NewParams(1)
	g := nn.NewGraph(params, true)
	var x, target, weight, seed, loss *nn.Node
	var grads []nn.Gradient
	if err := nn.Build(func() {
		x, target, weight = g.Input("x", 2, 3), g.Input("target", 2, 1), g.Input("weight", 2, 1)
		y := nn.FullyConnected(x, g.Param("fc.weight", nn.Weight, nn.Constant(0.5), 1, 3), nil)
		loss = nn.Apply(nn.SmoothL1{Beta: 1}, y, target, weight)
		seed = g.Input("seed", 1)
		grads, _ = g.Backward([]*nn.Node{loss}, []*nn.Node{seed})
	}); err != nil {
		fmt.Println(err)
		return
	}

	dev := ref.New(ref.Options{})
	defer dev.Close()
	store := engine.NewStore(dev, params)
	defer store.Close()
	plan, err := engine.Compile(dev, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{{loss, grads[0].Node}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer plan.Close()

	for n, values := range map[*nn.Node][]float32{
		x: {1, 2, 3, 4, 5, 6}, target: {2, 7}, weight: {1, 1}, seed: {1},
	} {
		if err := plan.Write(n, values); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := plan.RunAll(); err != nil {
		fmt.Println(err)
		return
	}
	l, d := make([]float32, 1), make([]float32, 3)
	if err := plan.Read(loss, l); err != nil {
		fmt.Println(err)
		return
	}
	if err := plan.Read(grads[0].Node, d); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("loss", l, "gradient of", grads[0].Param.Name, d)
	// Output: loss [0.625] gradient of fc.weight [3 4.5 6]
}
