"""Degree-normalized PageRank on the bipartite graph of solutions and tests, and that graph to look at.

`networkx.pagerank` gives the same numbers on `graph(...)`; this one does thousands of tasks at a time.
"""

import networkx as nx
import numpy as np

from ranking.closed_form import Scores
from ranking.matrices import Floats, Matrices, TaskMatrices

DAMPING = 0.85
TOLERANCE = 1e-9


class NotConvergedError(ArithmeticError):
    """Ranks that one more step of the iteration would still move."""


def pagerank(batch: Matrices, damping: float = DAMPING, tolerance: float = TOLERANCE) -> Scores:
    """Each sample's PageRank; within a task, samples' ranks (score × count) sum to 1.

    A pass is an undirected edge; a node without edges spreads its rank evenly, as in networkx. The fixed
    point is solved for directly: on a bipartite graph the tests' ranks follow from the solutions', which
    leaves an n x n system, and what nodes without edges spread is a factor that the sum of 1 settles.

    Raises:
        NotConvergedError: a step of the iteration would move a task's ranks by more than `tolerance`.

    Source: Page et al., "The PageRank Citation Ranking", 1999; networkx.pagerank.
    """
    edges = batch.passed * batch.solution_count[:, :, None] * batch.test_count[:, None, :]
    of_nodes = np.concatenate([batch.solution_count, batch.test_count], axis=1)
    n = batch.solution_count.shape[1]
    jump = of_nodes / np.maximum(of_nodes.sum(axis=1), 1)[:, None]
    degree = np.concatenate([edges.sum(axis=2), edges.sum(axis=1)], axis=1)
    inverse_degree = np.where(degree > 0, 1.0 / np.where(degree > 0, degree, 1.0), 0.0)
    to_solutions = damping * edges * inverse_degree[:, None, n:]
    to_tests = damping * edges.transpose(0, 2, 1) * inverse_degree[:, None, :n]
    known = jump[:, :n, None] + to_solutions @ jump[:, n:, None]
    of_solutions = np.linalg.solve(np.eye(n) - to_solutions @ to_tests, known)
    of_tests = jump[:, n:, None] + to_tests @ of_solutions
    rank = np.concatenate([of_solutions, of_tests], axis=1)[:, :, 0]
    total = rank.sum(axis=1, keepdims=True)
    rank = rank / np.where(total > 0, total, 1.0)
    lost = np.where(degree > 0, 0.0, rank).sum(axis=1, keepdims=True)
    received = np.concatenate([to_solutions @ rank[:, n:, None], to_tests @ rank[:, :n, None]], axis=1)
    moved = received[:, :, 0] + (damping * lost + 1 - damping) * jump
    change = float(np.abs(moved - rank).sum(axis=1).max(initial=0.0))
    if change > tolerance:
        raise NotConvergedError(
            f"PageRank still moves by {change:.1e} a step; wanted at most {tolerance:.1e}"
        )
    return _per_sample(rank, of_nodes, n)


def _per_sample(rank: Floats, of_nodes: Floats, n: int) -> Scores:
    # Equal rows may differ in the last bits; ranks are settled to `TOLERANCE`, so finer digits are noise.
    score: Floats = np.where(of_nodes > 0, rank / np.where(of_nodes > 0, of_nodes, 1.0), 0.0).round(11)
    return Scores(solutions=score[:, :n], tests=score[:, n:])


def graph(task: TaskMatrices, solution_ids: list[str], test_ids: list[str]) -> "nx.Graph[str]":
    """The task's bipartite graph, an edge where a solution passes a test, to draw or to export.

    Nodes carry `kind` (solution | test) and `count`; `networkx.write_graphml` and its kin take it as it is.
    """
    bipartite: nx.Graph[str] = nx.Graph()
    for node, count in zip(solution_ids, task.solution_count, strict=True):
        bipartite.add_node(node, kind="solution", bipartite=0, count=int(count))
    for node, count in zip(test_ids, task.test_count, strict=True):
        bipartite.add_node(node, kind="test", bipartite=1, count=int(count))
    rows, columns = np.nonzero(task.passed)
    bipartite.add_edges_from(
        (solution_ids[row], test_ids[column]) for row, column in zip(rows, columns, strict=True)
    )
    return bipartite
