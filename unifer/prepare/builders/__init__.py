"""Official dataset trees -> rows: a small file of facts per dataset, over shared code.

`registry` names the datasets; `build.build` reads one split into faces; `rows` turns faces into question or
reward rows; `image_root` lays out a folder in which the rows' image paths resolve.
"""
