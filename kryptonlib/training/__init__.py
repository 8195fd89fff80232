"""Train the networks of the course: one loop, one card for every checkpoint, one list of studies.

    python -m kryptonlib train --list
    python -m kryptonlib train codec-10000 --minutes 60
    python -m kryptonlib train denoising               # a group: all of it that is not finished

A study (``study.Study``) supplies its network, its batches, its loss and what it measures; ``loop`` runs it so that it
can be stopped at any time and continued, here or on another machine; ``card`` writes down what was done; ``studies`` is
the list; ``queue`` trains all that is not finished, one after the other.
"""
