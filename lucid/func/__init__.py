"""Functions out of functions: gradients, products with Jacobians, batches. As `torch.func`."""

from lucid.func.jacobian import hessian, jacfwd, jacrev
from lucid.func.mapping import vmap
from lucid.func.stateless import functional_call, stack_module_state
from lucid.func.transforms import grad, grad_and_value, jvp, linearize, value_and_grad, vjp
