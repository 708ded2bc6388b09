def denoise():
    raise NotImplementedError
