"""Optimizers and learning-rate schedules, with torch's names, options and update formulas.

Gradients add up until `zero_grad`. So a batch that does not fit into memory is computed in parts,
each with its share of the loss, and stepped with once:

>>> import lucid
>>> w = lucid.tensor([1.0], requires_grad=True)
>>> optimizer = lucid.optim.SGD([w], lr=0.5)
>>> parts = [lucid.tensor([1.0, 2.0]), lucid.tensor([3.0, 4.0])]
>>> for part in parts:
...     loss = (w * part).mean() / len(parts)
...     loss.backward()
>>> optimizer.step()
>>> optimizer.zero_grad()
>>> w.item()
-0.25
"""

from lucid.optim import lr_scheduler, swa_utils
from lucid.optim.adadelta import Adadelta
from lucid.optim.adafactor import Adafactor
from lucid.optim.adagrad import Adagrad
from lucid.optim.adam import Adam, AdamW
from lucid.optim.adamax import Adamax
from lucid.optim.asgd import ASGD
from lucid.optim.ema import ExponentialMovingAverage
from lucid.optim.lbfgs import LBFGS
from lucid.optim.lion import Lion
from lucid.optim.muon import Muon
from lucid.optim.nadam import NAdam
from lucid.optim.novograd import NovoGrad
from lucid.optim.optimizer import Optimizer
from lucid.optim.radam import RAdam
from lucid.optim.rmsprop import RMSprop
from lucid.optim.rprop import Rprop
from lucid.optim.sgd import SGD
