"""ENAS' controller (Pham et al., ICML 2018): an LSTM that chooses players.

    logits = c tanh(W h / T),   c = 2.5, T = 5

h is the output of the LSTM; its next input is the embedding of the chosen player. The constants are
from the code of NAS-Bench-201. Deviation: here each player has an embedding and a row of W; in that
code, all edges share one embedding and one row of W per operation. The controller always runs on
the CPU, so its draws do not depend on the device.
"""
# Tested in tests/strategies/test_shared_weights.py.

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from pipeline.registry.strategies.sampling import EnasSettings
from pipeline.spaces import Space
from pipeline.strategies.architectures import choose_all
from pipeline.training.optimisers import Adam

HIDDEN, LAYERS, TANH, TEMPERATURE, SPREAD = 32, 2, 2.5, 5.0, 0.1
BETAS, EPSILON = (0.0, 0.999), 1e-3  # Adam's


class PolicyGradient:
    """Trains the controller by REINFORCE, with an entropy bonus and a moving-average baseline.

    Attributes:
        baseline: the baseline of the last draw; in the first epoch, the accuracy of that draw.
    """

    def __init__(self, controller: Controller, settings: EnasSettings) -> None:
        self.controller, self._settings, self.baseline = controller, settings, 0.0
        self._before: float | None = None  # the baseline at the end of the last epoch
        self._optimiser = Adam(
            controller.parameters(), settings.controller_learning_rate, BETAS, EPSILON
        )

    def step(self, reward: Callable[[list[int]], float], generator: torch.Generator) -> float:
        """Update the policy with some drawn architectures; return their mean accuracy.

        The step ascends the mean of (R + λ H - b) log π over the draws. R is the accuracy, H the
        entropy, λ its weight, b the baseline and π the probability of the architecture.
        """
        settings, accuracies = self._settings, []
        d, loss = settings.baseline_decay, torch.zeros(())
        for _ in range(settings.samples):
            players, log_probability, entropy = self.controller.draw(generator)
            accuracies.append(reward(players))
            R = accuracies[-1] + settings.entropy_weight * entropy.item()
            before = self._before
            self.baseline = accuracies[-1] if before is None else d * before + (1 - d) * R
            loss = loss - (R - self.baseline) * log_probability
        self._optimiser.zero_grad()
        (loss / settings.samples).backward()
        clip_grad_norm_(self.controller.parameters(), settings.controller_clip)
        self._optimiser.step()
        return float(np.mean(accuracies))

    def end_epoch(self) -> None:
        """Keep the baseline of the epoch's last draw for the next epoch."""
        self._before = self.baseline

    def state_dict(self) -> dict[str, Any]:
        """Controller, Adam's moments, baseline."""
        return {
            "controller": self.controller.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "baseline": self.baseline,
            "before": self._before,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        self.controller.load_state_dict(state["controller"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.baseline, self._before = state["baseline"], state["before"]


class Controller(nn.Module):
    """The policy π, which draws architectures."""

    def __init__(self, space: Space, none_may_win: bool, seed: int) -> None:
        super().__init__()
        self.space, self.none_may_win = space, none_may_win
        with torch.random.fork_rng(devices=[]):
            self.embedding = nn.Embedding(space.n_players + 1, HIDDEN)  # the last one: start
            self.lstm = nn.LSTM(HIDDEN, HIDDEN, LAYERS)
            self.logits = nn.Linear(HIDDEN, space.n_players, bias=False)
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -SPREAD, SPREAD, generator=generator)

    def draw(self, generator: torch.Generator) -> tuple[list[int], Tensor, Tensor]:
        """Draw an architecture: players, log-probability, and the sum of the choices' entropies."""
        state: tuple[Tensor, Tensor] | None = None
        last = self.space.n_players
        log_probability = entropy = torch.zeros(())

        def choose(number: int, allowed: np.ndarray) -> int:
            nonlocal state, last, log_probability, entropy
            hidden, state = self.lstm(self.embedding(torch.tensor([last])), state)
            logits = TANH * torch.tanh(self.logits(hidden)[0] / TEMPERATURE)
            logits = logits[torch.from_numpy(allowed)]
            log_p = logits.log_softmax(0)
            pick = int(torch.multinomial(log_p.detach().exp(), 1, generator=generator))
            last = int(np.flatnonzero(allowed)[pick])
            log_probability = log_probability + log_p[pick]
            entropy = entropy - (log_p.exp() * log_p).sum()
            return last

        players = choose_all(self.space, choose, self.none_may_win)
        return players, log_probability, entropy
